import { createHash, type Hash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  existsSync,
  promises,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { hasErrno, LivepatchError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import {
  discard,
  ensureDirectory,
  filesIn,
  isMissing,
  openRegular,
  PRIVATE,
  remove,
  storageError,
  syncDirectory,
} from './files.ts';
import { type PrivateFile, privateFile } from './private-file.ts';

/**
 * Patch files kept for the next boot. Each is named by its SHA-256, so that neither a server nor an archive ever
 * chooses a path, and is checked in full again whenever it is read back.
 */
export interface Payloads {
  /**
   * Takes a file in. It gets its name only once all of it has come and is on disk.
   * @param bytes ends in an error unless they are the right ones.
   * @throws whatever `bytes` throws, LivepatchError `storage`; nothing is then left behind.
   */
  receive(sha256: string, bytes: AsyncIterable<Uint8Array>): Promise<void>;
  /**
   * Takes a file in whose digest is not known yet; it must be no larger than a patch file may be.
   * @returns its SHA-256, which is its name now.
   * @throws whatever `bytes` throws, LivepatchError `storage`; nothing is then left behind.
   */
  takeIn(bytes: AsyncIterable<Uint8Array>): Promise<string>;
  /** Whether the file is here and still hashes to its name; one that does not is removed. @throws LivepatchError `storage` */
  isIntact(sha256: string): boolean;
  exists(sha256: string): boolean;
  /** The SHA-256 of every payload. */
  all(): string[];
  /** Opened when the first byte is asked for, for an open file that nobody comes to read would be in the way. */
  read(sha256: string): AsyncIterable<Uint8Array>;
  remove(sha256: string): void;
  /** Removes all but these. @throws LivepatchError `storage` */
  keepOnly(kept: ReadonlySet<string>): void;
  /** A nameless file of verified bytes for the kernel to read; see private-file.ts. */
  forKernel(module: Uint8Array): PrivateFile;
}

/** Of this size, what has been read is freed as fast as more is read: of 64 KiB, 20 MiB more of it lie about. */
const PIECE = 16 * 1024;
const HASHED_PIECE = 256 * 1024;

export function payloads(directory: string): Payloads {
  const pathOf = (sha256: string) => join(directory, sha256);
  return {
    async takeIn(bytes) {
      const name = `given-${crypto.randomUUID()}`;
      const hash = createHash('sha256');
      await this.receive(name, hashed(bytes, hash));
      const sha256 = hash.digest('hex');
      try {
        renameSync(pathOf(name), pathOf(sha256));
        syncDirectory(directory);
        return sha256;
      } catch (error) {
        discard(pathOf(name));
        throw storageError('write', pathOf(sha256), error);
      }
    },
    async receive(sha256, bytes) {
      ensureDirectory(directory, 0o700);
      const partial = `${pathOf(sha256)}.partial`;
      try {
        remove(partial);
        {
          await using file = await promises.open(partial, 'wx', PRIVATE);
          await file.writeFile(bytes);
          await file.sync();
        }
        remove(pathOf(sha256));
        renameSync(partial, pathOf(sha256));
        syncDirectory(directory);
      } catch (error) {
        discard(partial);
        throw hasErrno(error, 'ENOSPC') ? noSpace(directory, error) : storageError('write', partial, error);
      }
    },
    isIntact(sha256) {
      try {
        if (digestOf(pathOf(sha256)) === sha256) return true;
      } catch (error) {
        if (isMissing(error)) return false;
        // What cannot be read is not the file: it makes room for a new one.
      }
      remove(pathOf(sha256));
      return false;
    },
    exists: (sha256) => existsSync(pathOf(sha256)),
    all: () =>
      existsSync(directory) ? readdirSync(directory).filter((name) => /^[0-9a-f]{64}$/.test(name)) : [],
    remove: (sha256) => remove(pathOf(sha256)),
    async *read(sha256) {
      try {
        yield* createReadStream('', { fd: openRegular(pathOf(sha256)), highWaterMark: PIECE });
      } catch (error) {
        throw storageError('read', pathOf(sha256), error);
      }
    },
    keepOnly(kept) {
      ensureDirectory(directory, 0o700);
      try {
        for (const name of filesIn(directory)) if (!kept.has(name)) rmSync(join(directory, name));
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

/** The same bytes, hashed as they pass, and no more of them than a patch file may have. */
async function* hashed(bytes: AsyncIterable<Uint8Array>, hash: Hash): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.length;
    if (size > LIMITS.patch.archiveBytes)
      throw new LivepatchError('archive', 'the patch file was refused: it is too large');
    hash.update(chunk);
    yield chunk;
  }
}

/** Into one buffer, again and again: to make one for each piece takes longer than the digest. */
function digestOf(path: string): string {
  const fd = openRegular(path);
  try {
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(HASHED_PIECE);
    for (;;) {
      const length = readSync(fd, buffer);
      if (length === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, length));
    }
  } finally {
    closeSync(fd);
  }
}

function noSpace(directory: string, cause: unknown): LivepatchError {
  return new LivepatchError('storage', `there is no space left in ${directory} for the patch file`, {
    hint: 'Free some space; the next refresh tries again.',
    cause,
  });
}
