import { createHash } from 'node:crypto';
import type { Architecture } from '../../types.ts';

/**
 * A catalogue is a TUF repository (https://theupdateframework.github.io/specification/latest/) of plain files, with
 * consistent snapshots:
 *
 *     metadata/N.root.json           keys and thresholds; every version is kept
 *     metadata/N.targets.json        delegates to 256 hash bins (TAP 15), names the revoked signing keys
 *     metadata/N.kernels-XX.json     a bin: the hash of each index in it
 *     metadata/N.snapshot.json       the version of each of these
 *     metadata/timestamp.json        the version of the snapshot, replaced in place and last
 *     targets/kernels/KERNEL/SHA256.ARCHITECTURE.json    the index of one kernel; see kernel-index.ts
 *     patches/SHA256                 patch files
 *     cves/SHA256.json               CVE data of one kernel
 *
 * An index is a TUF target. What it names by SHA-256 and size is thereby as good as a target, and needs no metadata of
 * its own: with 5,000 kernels of 40 patches each, a machine that looks for a new patch fetches the timestamp (under
 * 1 KiB), the snapshot (9 KiB), one bin of 256 (20 kernels: 5 KiB) and the index of its own kernel. Names without
 * suffix or extension for patch files: some hosts declare a `.gz` to be an encoding, and clients then unpack it.
 */
export const METADATA = 'metadata/';
export const TARGETS = 'targets/';

/** Hash bins, as TAP 15 names them: `kernels-00` to `kernels-ff`. */
export const BINS = { prefix: 'kernels', bits: 8 };

/** Fields of ours in the signed part of metadata. TUF clients pass over fields that they do not know. */
export const FIELD = {
  /** When it was signed. In all metadata. */
  issued: 'x-livepatch-issued',
  /**
   * In the timestamp: the newest root there is. A client that holds this very timestamp and this root needs not ask
   * for a newer root, because publishing one renews the timestamp. It saves the second request of a check that finds
   * nothing new. Nothing is lost: who can replay the timestamp can as well hide the root, until either expires.
   */
  rootVersion: 'x-livepatch-root-version',
  /** In the top-level targets: SHA-256 of module-signing public keys that no longer sign for anything. */
  revokedKeys: 'x-livepatch-revoked-keys',
  /** In the root: how many days each role's metadata is good for. Only the publisher reads it. */
  lifetimes: 'x-livepatch-lifetimes',
} as const;

/** The TUF target path of a kernel's index. */
export function indexPath(kernel: string, architecture: Architecture): string {
  return `kernels/${kernel}/${architecture}.json`;
}

export function patchPath(sha256: string): string {
  return `patches/${sha256}`;
}

export function cvesPath(sha256: string): string {
  return `cves/${sha256}.json`;
}

/** Where a target is stored: its hash goes before its name (TUF section 6.2). */
export function storedPath(target: string, hash: string): string {
  const slash = target.lastIndexOf('/') + 1;
  return `${target.slice(0, slash)}${hash}.${target.slice(slash)}`;
}

/** The file name of a role's metadata; only the timestamp's has no version. */
export function metadataFile(role: string, version: number | undefined): string {
  const name = `${encodeURIComponent(role)}.json`;
  return version === undefined ? name : `${version}.${name}`;
}

/** The bin that a target is in: the first bits of the SHA-256 of its path. */
export function binOf(target: string): string {
  return `${BINS.prefix}-${createHash('sha256')
    .update(target)
    .digest('hex')
    .slice(0, BINS.bits / 4)}`;
}

export function binNames(): string[] {
  return Array.from(
    { length: 2 ** BINS.bits },
    (_, index) => `${BINS.prefix}-${index.toString(16).padStart(BINS.bits / 4, '0')}`,
  );
}
