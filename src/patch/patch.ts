import { during, LivepatchError } from '../errors.ts';
import type { Machine, Metadata, ProvenFile } from '../types.ts';
import { type ArchiveFiles, readArchive } from './archive.ts';
import { parseMetadata } from './metadata.ts';
import { type ModuleFile, readModule } from './module.ts';
import {
  type SignatureState,
  type Signed,
  type SignedContent,
  verifySignature,
  verifySignedModule,
} from './signature.ts';
import type { Trust } from './trust.ts';

/** What of a machine decides whether a patch fits it. */
export type Target = Pick<Machine, 'kernel' | 'release' | 'architecture'>;

/** What the proof of a file has found out, as far as it got. Only what a proof returns is proven. */
export interface Findings {
  /** Of a patch file, as they came out of the archive. */
  files?: ArchiveFiles;
  metadata?: Metadata;
  /** The module with its signature. */
  file?: Uint8Array;
  /** Of the signature that was looked at last: the metadata's, then the module's. */
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
 * Reads a patch file and proves it: intact, metadata and module each signed by a pinned certificate, in agreement, a
 * live patch, and for this machine. Only then is there a `ProvenFile`. Throws 'archive', 'metadata', 'signature',
 * 'module' or 'kernel-mismatch'; errors of `archive` itself pass through.
 */
export async function openPatch(
  archive: AsyncIterable<Uint8Array>,
  machine: Target,
  trust: Trust,
): Promise<ProvenFile> {
  const { metadata, file, signed, module } = provePatch(await readArchive(archive), trust, {});
  matchMachine(metadata, module, machine);
  return { metadata, module: file, buildId: module.buildId, signer: signed.signer };
}

/**
 * Proves a patch file as far as no machine is needed for it: the steps of `openPatch` and of `examinePatch`. Until its
 * signature is verified, nothing that a file says is believed. Throws at the first step that refuses.
 */
export function provePatch(
  files: ArchiveFiles,
  trust: Trust,
  found: Findings,
): ProvenModule & { metadata: Metadata; file: Uint8Array } {
  found.files = files;
  verifyMetadata(files, trust, found);
  const metadata = parseMetadata(files.metadata);
  found.metadata = metadata;
  const proven = proveModule(files.module, trust, found);
  matchModule(metadata, proven);
  return { ...proven, metadata, file: files.module };
}

/** Proves a module file. Throws 'signature' or 'module' at the first step that refuses. */
export function proveModule(file: Uint8Array, trust: Trust, found: Findings): ProvenModule {
  found.file = file;
  const signed = verifySignedModule(file, trust.anchors, trust, found);
  found.signed = signed;
  refuseRevokedKey('the module', signed, trust);
  // Asked only where it matters: for a signature over SHA-256 it costs a pass over the module.
  if (trust.revoked?.modules.size && trust.revoked.modules.has(signed.digest)) {
    throw new LivepatchError('signature', 'the module was withdrawn');
  }
  const module = readModule(signed.content);
  found.module = module;
  requireLivePatch(module);
  return { signed, module };
}

/** Reads a module without its signature, which must be a live patch. Throws 'module'. */
export function readLivePatch(content: Uint8Array): ModuleFile {
  const module = readModule(content);
  requireLivePatch(module);
  return module;
}

function requireLivePatch({ livepatch }: ModuleFile): void {
  if (!livepatch) throw new LivepatchError('module', 'the module is not marked as a live patch');
}

/** The metadata names, dates, orders and describes a patch, so it is signed by the same rules as what it describes. */
function verifyMetadata({ metadata, metadataSignature }: ArchiveFiles, trust: Trust, found: Findings): void {
  if (metadataSignature === undefined) {
    found.signature = 'unsigned';
    throw new LivepatchError(
      'signature',
      'the metadata is not signed: the patch file holds no metadata.json.p7s',
      { hint: "Its publisher has to pack it with 'livepatch-publish pack'." },
    );
  }
  try {
    const signed = verifySignature('metadata.json', metadata, metadataSignature, trust.anchors, trust, found);
    refuseRevokedKey('metadata.json', signed, trust);
  } catch (error) {
    throw during('metadata.json.p7s', error);
  }
}

/** By key, so that another certificate of a key that leaked is of no use. */
function refuseRevokedKey(what: Signed, { signer }: SignedContent, { revoked }: Trust): void {
  if (revoked?.keys.has(signer.keyId)) {
    throw new LivepatchError('signature', `${what} is signed with a key that was revoked`);
  }
}

/** Both are signed, perhaps for different patches: one patch's metadata must not pass with the module of another. */
function matchModule(metadata: Metadata, { module, signed }: ProvenModule): void {
  const facts = {
    module: module.name,
    architecture: module.architecture,
    vermagic: module.vermagic,
    digest: signed.digest,
  };
  for (const field of ['module', 'architecture', 'vermagic', 'digest'] as const) {
    if (metadata[field] !== facts[field]) {
      throw new LivepatchError('metadata', `metadata.json: ${field}: does not agree with the module`);
    }
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
