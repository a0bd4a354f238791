import { LivepatchError } from '../errors.ts';
import type { Machine, Metadata, Patch } from '../types.ts';
import { readArchive } from './archive.ts';
import { parseMetadata } from './metadata.ts';
import { type ModuleFile, readModule } from './module.ts';
import { type SignedContent, verifySignedModule } from './signature.ts';
import type { Revoked, Trust } from './trust.ts';

/** What of a machine decides whether a patch fits it. */
export type Target = Pick<Machine, 'kernel' | 'release' | 'architecture'>;

/**
 * Reads a patch file and proves it: intact, for this machine, signed by a pinned certificate, and a live patch. Only
 * then is there a `Patch`. The cheap refusals come first; until the signature is verified, what was read can only lead
 * to a refusal. Throws 'archive', 'metadata', 'kernel-mismatch', 'signature' or 'module'; errors of `archive` itself
 * pass through.
 */
export async function openPatch(
  archive: AsyncIterable<Uint8Array>,
  machine: Target,
  trust: Trust,
): Promise<Patch> {
  const files = await readArchive(archive);
  const metadata = parseMetadata(files.metadata);
  matchMachine(metadata, machine);
  matchFile(metadata, files.module.file);
  const signed = verifySignedModule(files.module.content, trust.anchors, trust);
  refuseRevoked(signed, trust.revoked);
  matchModule(readModule(signed.content), metadata, machine);
  return { metadata, module: files.module.content, digest: signed.digest, signer: signed.signer };
}

function matchMachine(metadata: Metadata, machine: Target): void {
  if (metadata.architecture !== machine.architecture) {
    throw mismatch(`the patch is for ${metadata.architecture}, this machine is ${machine.architecture}`);
  }
  if (metadata.kernel !== machine.kernel) {
    throw mismatch(`the patch is for kernel ${metadata.kernel}, running is ${machine.kernel}`);
  }
}

function matchFile(metadata: Metadata, file: string): void {
  if (file !== metadata.file) {
    throw new LivepatchError('metadata', 'metadata.json names another module file than the archive holds');
  }
}

/** Throws 'signature' when the signer's certificate or the signed content is on the deny-list. */
export function refuseRevoked(signed: SignedContent, revoked: Revoked | undefined): void {
  if (revoked?.certificates.has(signed.signer.fingerprint)) {
    throw new LivepatchError('signature', 'the module is signed with a certificate that was revoked');
  }
  if (revoked?.modules.has(signed.digest)) {
    throw new LivepatchError('signature', 'the module was revoked');
  }
}

/** Binds the signed module to the unsigned metadata: another signed module must not pass under its name. */
function matchModule(module: ModuleFile, metadata: Metadata, machine: Target): void {
  if (!module.livepatch) throw new LivepatchError('module', 'the module is not marked as a live patch');
  if (module.name !== metadata.module) {
    throw new LivepatchError('module', 'the module has another name than metadata.json says');
  }
  if (module.architecture !== machine.architecture) {
    throw mismatch(`the module is for ${module.architecture}, this machine is ${machine.architecture}`);
  }
  if (module.release !== machine.release) {
    throw mismatch(`the module is built for another kernel release than ${machine.release}`);
  }
}

function mismatch(message: string): LivepatchError {
  return new LivepatchError('kernel-mismatch', message);
}
