import { closeSync, constants, fchmodSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { LivepatchError } from '../errors.ts';
import { ensureDirectory, isMissing, PRIVATE, readIfThere, setAside, storageError } from './files.ts';

/** Lines that are only ever added to, and that never fill a disk: `log`, `log.1`, `log.2` … */
export interface BoundedLog {
  /** What is in its place and cannot be read is set aside. @throws LivepatchError `storage` */
  append(line: string): void;
  /** Every line that is still there and can be read, the newest first. @throws LivepatchError `no-permission` */
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
        const before = readText(path);
        if (before === undefined) setAside(path);
        if (Buffer.byteLength(`${before ?? ''}${line}\n`) > limits.bytes) rotate(names);
        addTo(path, `${line}\n`);
      } catch (error) {
        throw storageError('write', path, error);
      }
    },
    newestFirst: () =>
      names.flatMap((name) => (readText(name) ?? '').split('\n').reverse()).filter((line) => line !== ''),
  };
}

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;

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

/** @returns undefined when what is there cannot be read, whatever the reason. */
function readText(path: string): string | undefined {
  try {
    return readIfThere(path) ?? '';
  } catch (error) {
    if (error instanceof LivepatchError && error.code === 'no-permission') throw error;
    return undefined;
  }
}
