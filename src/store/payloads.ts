import { createReadStream, createWriteStream, existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { ensureDirectory, PRIVATE, remove, storageError, syncDirectory } from './files.ts';
import { type PrivateFile, privateFile } from './private-file.ts';

/**
 * Patch files kept for the next boot. Each is named by its SHA-256, so that neither a server nor an archive ever
 * chooses a path, and is checked in full again whenever it is read back.
 */
export interface Payloads {
  /**
   * Takes a file in: `fill` writes into the sink, and only when it ends well does the file get its name.
   * @throws whatever `fill` throws, LivepatchError `storage`; nothing is then left behind.
   */
  receive(sha256: string, fill: (sink: Writable) => Promise<void>): Promise<void>;
  has(sha256: string): boolean;
  /** The SHA-256 of every payload. */
  all(): string[];
  read(sha256: string): AsyncIterable<Uint8Array>;
  remove(sha256: string): void;
  /** Removes all but this one, or all. */
  keepOnly(sha256: string | undefined): void;
  /** A nameless file of verified bytes for the kernel to read; see private-file.ts. */
  forKernel(module: Uint8Array): PrivateFile;
}

export function payloads(directory: string): Payloads {
  const pathOf = (sha256: string) => join(directory, sha256);
  return {
    async receive(sha256, fill) {
      ensureDirectory(directory, 0o700);
      const partial = `${pathOf(sha256)}.partial`;
      try {
        rmSync(partial, { force: true });
        await fill(createWriteStream(partial, { flags: 'wx', mode: PRIVATE, flush: true }));
        renameSync(partial, pathOf(sha256));
        syncDirectory(dirname(partial));
      } catch (error) {
        rmSync(partial, { force: true });
        throw error;
      }
    },
    has: (sha256) => existsSync(pathOf(sha256)),
    all: () =>
      existsSync(directory) ? readdirSync(directory).filter((name) => /^[0-9a-f]{64}$/.test(name)) : [],
    remove: (sha256) => remove(pathOf(sha256)),
    read: (sha256) => createReadStream(pathOf(sha256)),
    keepOnly(sha256) {
      ensureDirectory(directory, 0o700);
      try {
        for (const name of readdirSync(directory)) if (name !== sha256) rmSync(join(directory, name));
      } catch (error) {
        throw storageError('clear', directory, error);
      }
    },
    forKernel(module) {
      ensureDirectory(directory, 0o700);
      return privateFile(directory, module);
    },
  };
}
