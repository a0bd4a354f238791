import { closeSync, constants, fchmodSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { ensureDirectory, isMissing, PRIVATE, readIfThere, storageError } from './files.ts';

/** Lines that are only ever added to, and that never fill a disk: `log`, `log.1`, `log.2` … */
export interface BoundedLog {
  /** @throws LivepatchError `storage` */
  append(line: string): void;
  /** Every line that is still there, the newest first. @throws LivepatchError `storage` */
  newestFirst(): string[];
}

/**
 * @param limits.bytes how large one file may grow.
 * @param limits.files how many there may be, the current one included.
 */
export function boundedLog(path: string, limits: { bytes: number; files: number }): BoundedLog {
  const names = Array.from({ length: limits.files }, (_, age) => (age === 0 ? path : `${path}.${age}`));
  return {
    append(line) {
      try {
        ensureDirectory(dirname(path), 0o700);
        if (sizeOf(path) + Buffer.byteLength(line) + 1 > limits.bytes) rotate(names);
        addTo(path, `${line}\n`);
      } catch (error) {
        throw storageError('write', path, error);
      }
    },
    newestFirst: () =>
      names.flatMap((name) => (readIfThere(name) ?? '').split('\n').reverse()).filter((line) => line !== ''),
  };
}

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

function addTo(path: string, text: string): void {
  // O_NONBLOCK: a FIFO at our path must not hang us.
  const fd = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, PRIVATE);
  try {
    fchmodSync(fd, PRIVATE);
    writeSync(fd, text);
  } finally {
    closeSync(fd);
  }
}

/** Each file takes the next one's name; the oldest is gone by that. */
function rotate(names: readonly string[]): void {
  for (let age = names.length - 1; age > 0; age -= 1) {
    try {
      renameSync(names[age - 1] as string, names[age] as string);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
}

function sizeOf(path: string): number {
  try {
    const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      return fstatSync(fd).size;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}
