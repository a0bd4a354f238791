import { LivepatchError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Metadata } from '../types.ts';
import { readUnpacked } from './archive.ts';
import { foreignFormat, isCompressed, peek, prepend, unpack } from './compression.ts';
import { parseMetadata } from './metadata.ts';
import { isElf, type ModuleFile, readModule } from './module.ts';
import { type Findings, proveModule, provePatch } from './patch.ts';
import { splitSignedModule } from './trailer.ts';
import type { Trust } from './trust.ts';

/**
 * What a file is, for people, whether or not it is accepted. It is when there is no `refusal`; else what was found is
 * only what the file claims. Nothing made from this ever goes to the kernel.
 */
export interface Examination extends Findings {
  kind?: 'module' | 'patch';
  refusal?: LivepatchError;
}

const ELF_MAGIC_LENGTH = 4;

/** A file to be examined, from its first byte. */
export interface ExaminedFile {
  /** Its first bytes. */
  head: Uint8Array;
  /** All of it. @throws LivepatchError when it is larger. */
  bytes(limit: number): Uint8Array;
  chunks(): AsyncIterable<Uint8Array>;
}

/**
 * Examines a module, as it is or compressed as distributions ship theirs, or a patch file, with the steps that prove
 * it, except that it may be for any kernel. What it is, its bytes tell, because a name proves nothing. Throws only what
 * reading the file throws.
 */
export async function examine(file: ExaminedFile, trust: Trust): Promise<Examination> {
  if (isElf(file.head)) return examineModule(file.bytes(LIMITS.patch.moduleBytes), trust);
  if (isCompressed(file.head)) return examineCompressed(file.chunks(), trust);
  const foreign = foreignFormat(file.head);
  return {
    refusal:
      foreign === undefined
        ? new LivepatchError('module', 'it is neither a kernel module nor a patch file')
        : new LivepatchError(
            'archive',
            `it is compressed with ${foreign.name}: '${foreign.unpack}k' it first`,
          ),
  };
}

async function examineCompressed(chunks: AsyncIterable<Uint8Array>, trust: Trust): Promise<Examination> {
  const unpacked = unpack(chunks);
  const found: Examination = {};
  try {
    const head = await peek(unpacked, ELF_MAGIC_LENGTH);
    const whole = prepend(head, unpacked);
    if (isElf(head)) return examineModule(await collect(whole), trust);
    found.kind = 'patch';
    provePatch(await readUnpacked(whole), trust, found);
    return found;
  } catch (error) {
    return withRefusal(error, found);
  } finally {
    await unpacked.return(undefined);
  }
}

function examineModule(file: Uint8Array, trust: Trust): Examination {
  const found: Examination = { kind: 'module' };
  try {
    proveModule(file, trust, found);
    return found;
  } catch (error) {
    return withRefusal(error, found);
  }
}

/** What is unpacked has a bound. */
async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}

/** Adds what a file that was refused says of itself, if that can be read. */
function withRefusal(refusal: unknown, found: Examination): Examination {
  if (!(refusal instanceof LivepatchError)) throw refusal;
  const { files, file = files?.module } = found;
  const metadata: Metadata | undefined = found.metadata ?? claim(files?.metadata, parseMetadata);
  const module: ModuleFile | undefined =
    found.module ?? claim(file, (bytes) => readModule(splitSignedModule(bytes).content));
  return { ...found, ...(metadata && { metadata }), ...(module && { module }), refusal };
}

function claim<T>(bytes: Uint8Array | undefined, read: (bytes: Uint8Array) => T): T | undefined {
  try {
    return bytes && read(bytes);
  } catch (error) {
    if (error instanceof LivepatchError) return undefined;
    throw error;
  }
}
