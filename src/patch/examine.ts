import { LivepatchError } from '../errors.ts';
import type { Metadata } from '../types.ts';
import { isCompressed } from './compression.ts';
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

/** Tells what a file is by its first bytes, for a name proves nothing; undefined when it is neither. */
export function kindOf(head: Uint8Array): 'module' | 'patch' | undefined {
  if (isElf(head)) return 'module';
  return isCompressed(head) ? 'patch' : undefined;
}

/** Examines a module file with the steps that prove it. */
export function examineModule(file: Uint8Array, trust: Trust): Promise<Examination> {
  return examine('module', (found) => proveModule(file, trust, found));
}

/** Examines a patch file with the steps that prove it, except that it may be for any kernel. */
export function examinePatch(archive: AsyncIterable<Uint8Array>, trust: Trust): Promise<Examination> {
  return examine('patch', (found) => provePatch(archive, trust, found));
}

async function examine(kind: 'module' | 'patch', prove: (found: Findings) => unknown): Promise<Examination> {
  const found: Findings = {};
  try {
    await prove(found);
    return { kind, ...found };
  } catch (refusal) {
    if (!(refusal instanceof LivepatchError)) throw refusal;
    const metadata = found.metadata ?? metadataClaim(found.files?.metadata);
    const module = found.module ?? moduleClaim(found.file ?? found.files?.module);
    return { kind, ...found, ...(metadata && { metadata }), ...(module && { module }), refusal };
  }
}

/** What a module that was refused says of itself, if that can be read. */
function moduleClaim(file: Uint8Array | undefined): ModuleFile | undefined {
  return file && claim(() => readModule(splitSignedModule(file).content));
}

function metadataClaim(bytes: Uint8Array | undefined): Metadata | undefined {
  return bytes && claim(() => parseMetadata(bytes));
}

function claim<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof LivepatchError) return undefined;
    throw error;
  }
}
