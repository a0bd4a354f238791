import type { KeyObject } from 'node:crypto';
import type { ErrorCode } from './errors.ts';

/**
 * The nouns of the house: the values that cross from room to room. A room's private types stay in the room.
 * Times are RFC 3339 strings in UTC, as they travel and as they are stored; sizes are bytes.
 */

/** Debian's names for the architectures that patches are built for. */
export type Architecture = 'amd64' | 'arm64' | 's390x';

/** Whether the vendor stands behind a kernel; reference names of the status document. */
export type Support =
  | 'supported'
  | 'kernel-upgrade-required'
  | 'kernel-end-of-life'
  | 'unsupported'
  | 'unknown';

/** How far a patch got; reference names of the status document. */
export type PatchState =
  | 'unapplied'
  | 'applying'
  | 'applied'
  | 'applied-with-bug'
  | 'apply-failed'
  | 'nothing-to-apply'
  | 'kernel-upgrade-required'
  | 'unknown';

/** The machine and its running kernel, as kernel/ reads them. */
export interface Machine {
  /** /etc/machine-id: 32 lower-case hex digits. */
  id: string;
  architecture: Architecture;
  cpuModel: string;
  /** `uname -r`; a module's vermagic must begin with it. */
  release: string;
  /** `ABI.BUILDNO-FLAVOUR` from /proc/version_signature where the kernel has one, else the release. */
  kernel: string;
  /** Changes at every boot. */
  bootId: string;
  bootTime: string;
  uptimeSeconds: number;
}

/** One entry of /sys/kernel/livepatch. */
export interface LivePatch {
  name: string;
  enabled: boolean;
  inTransition: boolean;
}

/** A vulnerability that a patch deals with. */
export interface Fix {
  /** `CVE-2016-0001` */
  name: string;
  description: string;
  /** Address of the bug report, or empty. */
  bug: string;
  /** False when this patch cannot remedy it. */
  patched: boolean;
}

/** A patch file the server holds ready for this machine: declared, not yet fetched, so not yet believed. */
export interface Offer {
  /** `121.4` */
  version: string;
  /** Absolute, or relative to the server. */
  url: string;
  /** Lower-case hex. */
  sha256: string;
  size: number;
  releasedAt: string;
  fixes: Fix[];
}

/** What the server has taken back. It holds for what is on disk and due at boot, too. */
export interface Blocklist {
  /** Versions of patches for this machine's kernel. */
  patches?: string[] | undefined;
  /** SHA-512 over the signed part of modules, lower-case hex. */
  modules?: string[] | undefined;
  /** SHA-256 of signing certificates, lower-case hex. */
  certificates?: string[] | undefined;
}

/** What the server advises for this machine. */
export interface Advice {
  support: Support;
  /** Plain date `2027-03-19`, when known. */
  upgradeRequiredDate?: string | undefined;
  tier: string;
  /** Absent when there is nothing to apply. */
  offer?: Offer | undefined;
  blocklist?: Blocklist | undefined;
  /** The digest of the CVE data for this kernel; absent when the server has none. */
  cves?: string | undefined;
}

/** One answer to a check-in. The number and the time betray a replayed answer; no advice means "as before". */
export interface Answer {
  serial: number;
  issuedAt: string;
  advice?: Advice | undefined;
}

/** `metadata.json` of a patch file. */
export interface Metadata {
  /** The kernel it is built for, as `Machine.kernel` names it. */
  kernel: string;
  architecture: Architecture;
  version: string;
  /** The module's name, as the kernel will list it. */
  module: string;
  /** The module's file name inside the archive. */
  file: string;
  releasedAt: string;
  fixes: Fix[];
}

/** A pinned module-signing certificate. */
export interface TrustAnchor {
  /** Where it was read, for messages. */
  source: string;
  subject: string;
  /** SHA-256 of the certificate, lower-case hex. */
  fingerprint: string;
  notAfter: string;
  /** DER of the issuer's Name, the serial number's content octets, and the subject key identifier. */
  issuer: Uint8Array;
  serial: Uint8Array;
  subjectKeyId?: Uint8Array | undefined;
  /** RSA, 2048 bits or more. */
  publicKey: KeyObject;
}

/** A patch whose every check has passed. Only patch/ makes one, and only this is ever handed to the kernel. */
export interface Patch {
  metadata: Metadata;
  /** The signed module, byte for byte as it was verified. */
  module: Uint8Array;
  /** The identity of the code as the kernel shows it of what is loaded; see kernel.ts. */
  buildId: string | undefined;
  /** SHA-512 over the signed part, lower-case hex: the identity of the code. */
  digest: string;
  signer: TrustAnchor;
}

/** Why a patch is held back. */
export type HoldReason =
  | 'blocklisted'
  | 'cutoff-date'
  | 'patch-delay'
  | 'rollback'
  | 'reverted'
  | 'crashed'
  | 'kernel-bug'
  | 'not-yet'
  | 'mode';

/** A patch that is due by its version but held back, and what is missed because of it. */
export interface Hold {
  version: string;
  why: HoldReason;
  /** For a person: why, and what would change it. */
  message: string;
  /** Names of the vulnerabilities that stay open. */
  missed: string[];
}

/** What was decided about a patch, and why. */
export type Decision =
  /** `attempt` is 2 when it is tried once more after the machine went down at the first. */
  | { action: 'apply'; attempt: number }
  | { action: 'keep'; why: 'nothing-offered' | 'already-applied' | 'mode' | 'not-enabled' | 'not-due' }
  | { action: 'hold'; hold: Hold };

/** The lock of an insertion that has not settled yet; see policy/crash-guard.ts. */
export interface PendingInsertion {
  module: string;
  version: string;
  kernel: string;
  /** The boot that the insertion was tried in. */
  bootId: string;
  at: string;
  /** 1 for the first try, 2 for the one more. */
  attempt: number;
  /** What the kernel said when it found a bug. */
  trace?: string[] | undefined;
}

export type ModeName = 'normal' | 'no-apply' | 'no-refresh' | 'stop';

/** The kill switch: what the modes that are set let us do, and where they were read. */
export interface Mode {
  contact: boolean;
  apply: boolean;
  sources: string[];
}

/** The patch that was last put into the kernel, enough to find it again there and on disk. */
export interface AppliedPatch {
  version: string;
  module: string;
  /** The kernel it was applied to. */
  kernel: string;
  /** Names its payload on disk. */
  sha256: string;
  buildId?: string | undefined;
  releasedAt: string;
  fixes: Fix[];
  appliedAt: string;
  /** From the insertion to the end of the transition. */
  transitionSeconds?: number | undefined;
  bootId: string;
  /** The kernel found a bug in it; it is not applied again. */
  bug?: boolean | undefined;
}

/** What is state between runs. Holds no secret. */
export interface State {
  /** The last check-in, good or not. */
  lastCheck?: { at: string; error?: string | undefined } | undefined;
  /** The last answer that was accepted, and the kernel it was about. */
  lastGoodCheck?: { at: string; serial: number; issuedAt: string; kernel?: string | undefined } | undefined;
  advice?: Advice | undefined;
  /** What of the configuration should be known to whoever runs the machine, as of the last check-in. */
  warnings?: string[] | undefined;
  patch?: AppliedPatch | undefined;
  /** The version that an administrator took out of the kernel, not to come back by itself. */
  reverted?: string | undefined;
  /** The patch that is due and held back, since the last decision. */
  held?: Hold | undefined;
  /** Why the last patch that was due is not in the kernel. Gone with the next success. */
  failure?: { at: string; version: string; code: string; message: string } | undefined;
}

/** What a server knows of fixes that come with newer kernel packages, for this machine's kernel. */
export interface CveData {
  /** When it was compiled. */
  timestamp: string;
  /** Names of vulnerabilities. */
  kernelPackageFixes: string[];
}

/** The same, as it is kept: with the SHA-256 of the answer that brought it, in lower-case hex, and its kernel. */
export interface KeptCves extends CveData {
  digest: string;
  kernel: string;
}

/** Where a patch is on its way: in the order that a good one takes, then what may come between. */
type PingEvent =
  /** It is about to be inserted. */
  | 'before'
  /** It is inserted. */
  | 'after'
  /** The kernel is changing over to it. */
  | 'transition'
  /** It is applied, for so many minutes at least, and the machine is up. */
  | 'settled'
  /** It could not be obtained, verified or applied, or it made trouble. */
  | 'error'
  /** The machine went down before the patch had settled for good. */
  | 'rebooted';

/** One word about the health of a patch. Nothing in it tells which machine it is from. */
export interface Ping {
  event: PingEvent;
  version: string;
  kernel: string;
  /** With `settled`. */
  minutes?: 0 | 1 | 5 | 15 | undefined;
  /** With `error`. */
  code?: ErrorCode | undefined;
}

/** A ping that goes out when it is due, if the machine is still in the same boot; see policy/pings.ts. */
export interface PendingPing extends Ping {
  due: string;
  bootId: string;
}

/** The settings a person can make, as the program uses them. Times in milliseconds. */
export interface Config {
  httpProxy: string;
  httpsProxy: string;
  noProxy: string;
  remoteServer: URL;
  /** PEM, added to the host's CAs; empty for none. */
  caCerts: string;
  dialTimeout: number;
  /** Undefined: automatic checks are off. */
  checkInterval: number | undefined;
  logLevel: LogLevel;
  tlsPatchDownload: boolean;
  cutoffDate: string | undefined;
  patchDelay: number;
  /** PEM, pinned module-signing certificates besides the shipped ones; empty for none. */
  signingCerts: string;
  /** Whether the server is told how patches fare. */
  pings: boolean;
}

export type LogLevel = 'debug' | 'info' | 'notice' | 'warning' | 'error';

/** What happens to a machine; see store/audit.ts. */
export type EventName =
  | 'enabled'
  | 'disabled'
  | 'applied'
  /** A patch is due and held back. */
  | 'held'
  /** A patch file is not provably what it must be: damaged, forged, or for another kernel. */
  | 'refused'
  /** A patch could not be obtained, or the kernel did not take it. */
  | 'failed'
  /** A patch was taken out of the kernel by an administrator. */
  | 'reverted'
  /** The server refuses this machine or its token. */
  | 'denied'
  | 'configured';

/** One of these events. Holds no secret. */
export interface LivepatchEvent {
  what: EventName;
  /** Of the patch that this is about. */
  version?: string | undefined;
  /** Version of the patch that stood in the kernel before. */
  replaced?: string | undefined;
  /** The reason as a name: of errors.ts, or a HoldReason. */
  why?: string | undefined;
  /** The reason for a person. */
  message?: string | undefined;
  /** Names of the settings that were changed. */
  keys?: string[] | undefined;
}

export type PastEvent = LivepatchEvent & { at: string };

/** What a check of this machine found; see operations/doctor.ts. */
export interface Finding {
  check: string;
  verdict: 'ok' | 'wrong' | 'unknown';
  found: string;
  /** What to do next; there whenever something is wrong. */
  next?: string;
}
