import { join } from 'node:path';
import { LivepatchError } from '../errors.ts';
import { ensureDirectory, readIfThere, writeAtomic } from './files.ts';

/** Where the trusted metadata of a catalogue is kept. */
export interface CatalogueMetadata {
  /** @returns undefined when there is none, or what is there is no file of ours: it is fetched again. */
  read(file: string): Buffer | undefined;
  /** Replaces it in one step. @throws LivepatchError `storage` */
  write(file: string, bytes: Uint8Array): void;
}

/** Part of it are the names of roles, encoded as in an address: those that sign for a catalogue chose them. */
const NAME = /^[A-Za-z0-9._~!*'()%-]{1,200}\.(json|etag|pinned)$/;

export function catalogueMetadata(directory: string): CatalogueMetadata {
  return {
    read(file) {
      try {
        const text = readIfThere(pathOf(directory, file));
        return text === undefined ? undefined : Buffer.from(text);
      } catch (error) {
        if (error instanceof LivepatchError && error.code === 'storage') return undefined;
        throw error;
      }
    },
    write(file, bytes) {
      ensureDirectory(directory, 0o700);
      writeAtomic(pathOf(directory, file), bytes);
    },
  };
}

function pathOf(directory: string, file: string): string {
  if (NAME.test(file)) return join(directory, file);
  throw new LivepatchError('storage', 'the catalogue has a role whose name cannot be a file name');
}
