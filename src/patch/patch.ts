import { LivepatchError } from '../errors.ts';
import type { Machine, Metadata, Patch } from '../types.ts';
import { readArchive } from './archive.ts';
import { parseMetadata } from './metadata.ts';
import { type ModuleFile, readModule } from './module.ts';
import { type SignatureState, type SignedContent, verifySignedModule } from './signature.ts';
import type { Revoked, Trust } from './trust.ts';

/** What of a machine decides whether a patch fits it. */
export type Target = Pick<Machine, 'kernel' | 'release' | 'architecture'>;

/** What the proof of a file has found out, as far as it got. Only what a proof returns is proven. */
export interface Findings {
  metadata?: Metadata;
  /** The module with its signature. */
  file?: Uint8Array;
  signature?: SignatureState;
  signed?: SignedContent;
  module?: ModuleFile;
}

/** A live patch module that a pinned certificate signed. */
interface ProvenModule {
  signed: SignedContent;
  module: ModuleFile;
}

/**
 * Reads a patch file and proves it: intact, signed by a pinned certificate, a live patch, and for this machine. Only
 * then is there a `Patch`. Throws 'archive', 'metadata', 'signature', 'module' or 'kernel-mismatch'; errors of
 * `archive` itself pass through.
 */
export async function openPatch(
  archive: AsyncIterable<Uint8Array>,
  machine: Target,
  trust: Trust,
): Promise<Patch> {
  const { metadata, file, signed, module } = await provePatch(archive, trust, {});
  matchMachine(metadata, module, machine);
  return {
    metadata,
    module: file,
    buildId: module.buildId,
    digest: signed.digest,
    signer: signed.signer,
  };
}

/**
 * Proves a patch file as far as no machine is needed for it: the steps of `openPatch` and of `examinePatch`. Until the
 * signature is verified, what was read can only lead to a refusal. Throws at the first step that refuses.
 */
export async function provePatch(
  archive: AsyncIterable<Uint8Array>,
  trust: Trust,
  found: Findings,
): Promise<ProvenModule & { metadata: Metadata; file: Uint8Array }> {
  const files = await readArchive(archive);
  const file = files.module.content;
  found.file = file;
  const metadata = parseMetadata(files.metadata);
  found.metadata = metadata;
  matchFile(metadata, files.module.file);
  const proven = proveModule(file, trust, found);
  matchModule(proven.module, metadata);
  return { ...proven, metadata, file };
}

/** Proves a module file. Throws 'signature' or 'module' at the first step that refuses. */
export function proveModule(file: Uint8Array, trust: Trust, found: Findings): ProvenModule {
  found.file = file;
  const signed = verifySignedModule(file, trust.anchors, trust, found);
  found.signed = signed;
  refuseRevoked(signed, trust.revoked);
  const module = readModule(signed.content);
  found.module = module;
  if (!module.livepatch) throw new LivepatchError('module', 'the module is not marked as a live patch');
  return { signed, module };
}

function matchFile(metadata: Metadata, file: string): void {
  if (file !== metadata.file) {
    throw new LivepatchError('metadata', 'metadata.json names another module file than the archive holds');
  }
}

/** Throws 'signature' when the signer's certificate or the signed content is on the deny-list. */
function refuseRevoked(signed: SignedContent, revoked: Revoked | undefined): void {
  if (revoked?.certificates.has(signed.signer.fingerprint)) {
    throw new LivepatchError('signature', 'the module is signed with a certificate that was revoked');
  }
  if (revoked?.modules.has(signed.digest)) {
    throw new LivepatchError('signature', 'the module was revoked');
  }
}

/** Binds the signed module to the unsigned metadata: another signed module must not pass under its name. */
function matchModule(module: ModuleFile, metadata: Metadata): void {
  if (module.name !== metadata.module) {
    throw new LivepatchError('module', 'the module has another name than metadata.json says');
  }
  if (module.architecture !== metadata.architecture) {
    throw mismatch(`the module is for ${module.architecture}, metadata.json says ${metadata.architecture}`);
  }
}

function matchMachine(metadata: Metadata, module: ModuleFile, machine: Target): void {
  if (metadata.architecture !== machine.architecture) {
    throw mismatch(`the patch is for ${metadata.architecture}, this machine is ${machine.architecture}`);
  }
  if (metadata.kernel !== machine.kernel) {
    throw mismatch(`the patch is for kernel ${metadata.kernel}, running is ${machine.kernel}`);
  }
  if (module.release !== machine.release) {
    throw mismatch(`the module is built for another kernel release than ${machine.release}`);
  }
}

function mismatch(message: string): LivepatchError {
  return new LivepatchError('kernel-mismatch', message);
}
