import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno, LivepatchError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { inSnap } from '../snapd/snapctl.ts';
import { isMissing, storageError } from './files.ts';

/** A regular file that a person named on the command line, open for reading. Not ours: links are followed. */
export interface InputFile extends Disposable {
  /** Its first bytes, enough to tell what it is. */
  readonly head: Uint8Array;
  /** All of it, or LivepatchError `storage` when that is more than `limit` bytes. */
  bytes(limit: number): Uint8Array;
  /** All of it, piece by piece. */
  chunks(): AsyncGenerator<Uint8Array>;
}

const HEAD = 16;
/** Small, for the memory's sake; see payloads.ts. */
const CHUNK = 16 * 1024;
/** What certificates are called in the field; `.x509` is the kernel's own. */
const CERTIFICATE = /\.(pem|crt|cer|der|x509)$/i;

/** Gives memory of this many bytes, which is the caller's until the next is asked for. */
export type ReusableMemory = (size: number) => Uint8Array;

/** Memory for one file after another: with memory of its own for each, collecting that takes a third of the time. */
export function reusableMemory(): ReusableMemory {
  let memory = Buffer.alloc(0);
  return (size) => {
    if (size > memory.length) memory = Buffer.allocUnsafeSlow(size);
    return memory.subarray(0, size);
  };
}

/**
 * @param memory where `bytes` reads the file to; by default, memory that lasts.
 * @throws LivepatchError `storage`, as the methods of what it returns do.
 */
export function openInputFile(
  path: string,
  memory: ReusableMemory = (size) => Buffer.allocUnsafeSlow(size),
): InputFile {
  try {
    // O_NONBLOCK: opening a FIFO must not hang.
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return inputFile(fd, path, memory);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** Confinement hides most of the machine, the working directory with it: that it is not there would mislead. */
function unreadable(path: string, error: unknown): LivepatchError {
  if (!inSnap || !(hasErrno(error, 'EACCES') || isMissing(error))) return storageError('read', path, error);
  const place = process.env.SNAP_COMMON;
  // In one sentence: `verify` has no place for a hint at each of its files.
  const message = `cannot read ${path}: the snap sees no files but its own; copy it to ${place} and give its whole path`;
  return new LivepatchError('storage', message, { cause: error });
}

function inputFile(fd: number, path: string, memory: ReusableMemory): InputFile {
  const stat = fstatSync(fd);
  if (!stat.isFile()) throw new Error('not a regular file');
  const read = (into: Uint8Array, position: number): Uint8Array => {
    try {
      return into.subarray(0, readSync(fd, into, 0, into.length, position));
    } catch (error) {
      throw storageError('read', path, error);
    }
  };
  return {
    head: read(new Uint8Array(HEAD), 0),
    bytes(limit) {
      if (stat.size > limit) throw storageError('read', path, new Error(`larger than ${limit} bytes`));
      const all = memory(stat.size);
      for (let filled = 0; filled < all.length; ) {
        const part = read(all.subarray(filled), filled);
        if (part.length === 0) throw storageError('read', path, new Error('it was cut while it was read'));
        filled += part.length;
      }
      return all;
    },
    async *chunks() {
      for (let position = 0; ; ) {
        const chunk = read(Buffer.allocUnsafeSlow(CHUNK), position);
        if (chunk.length === 0) return;
        position += chunk.length;
        yield chunk;
      }
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
}

/**
 * The content of a certificate file, or of all that are in a directory.
 * @throws LivepatchError `storage`, and `trust-anchors` when there is none in the directory.
 */
export function readCertificateFiles(path: string): { source: string; bytes: Uint8Array }[] {
  return certificateFiles(path).map((source) => {
    using file = openInputFile(source);
    return { source, bytes: file.bytes(LIMITS.store.fileBytes) };
  });
}

function certificateFiles(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    const names = readdirSync(path).filter((name) => CERTIFICATE.test(name));
    if (names.length > 0) return names.sort().map((name) => join(path, name));
  } catch (error) {
    throw unreadable(path, error);
  }
  throw new LivepatchError('trust-anchors', `there is no certificate in ${path}`, {
    hint: 'A certificate is in PEM or DER, its name ends in .pem, .crt, .cer, .der or .x509.',
  });
}
