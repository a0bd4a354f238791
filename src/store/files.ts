import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { hasErrno, LivepatchError, messageOf } from '../errors.ts';
import { LIMITS } from '../limits.ts';

/** Readable by root alone: tokens, state, payloads. */
export const PRIVATE = 0o600;
/** For the one document that anybody may read. */
export const PUBLIC = 0o644;

/** O_NOFOLLOW: a symbolic link planted at our path must not make root read or write elsewhere. */
const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/**
 * Replaces a file so that after a crash it is either the old or the new one, whole: written under a temporary name,
 * fsynced, renamed over, directory fsynced. The mode holds whatever the umask.
 * @throws LivepatchError `storage`; the old file is then untouched and the temporary one removed.
 */
export function writeAtomic(path: string, content: string | Uint8Array, mode = PRIVATE): void {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    const fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    try {
      fchmodSync(fd, mode);
      writeFileSync(fd, content);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
    syncDirectory(dirname(path));
  } catch (error) {
    discard(temporary);
    throw storageError('write', path, error);
  }
}

/** Removes what has come to nothing, if it can: that it cannot must not hide why it came to nothing. */
export function discard(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The next run sweeps it up.
  }
}

/**
 * Removes what runs that were killed left under temporary names; half a token must not lie about for ever. Only for
 * who holds the run lock.
 * @throws LivepatchError `storage`
 */
export function sweep(directory: string, names: RegExp = /\.[0-9a-f-]{36}\.tmp$/): void {
  try {
    for (const name of readdirSync(directory)) if (names.test(name)) rmSync(join(directory, name));
  } catch (error) {
    throw storageError('clear', directory, error);
  }
}

/**
 * Reads a regular file of at most `LIMITS.store.fileBytes`, never through a symbolic link at its last component.
 * @returns undefined when there is no such file.
 * @throws LivepatchError `storage`
 */
export function readIfThere(path: string): string | undefined {
  let fd: number;
  try {
    // O_NONBLOCK: a FIFO at our path must not hang us.
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw storageError('read', path, error);
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Error('not a regular file');
    if (stat.size > LIMITS.store.fileBytes) throw new Error(`larger than ${LIMITS.store.fileBytes} bytes`);
    return readFileSync(fd, 'utf8');
  } catch (error) {
    throw storageError('read', path, error);
  } finally {
    closeSync(fd);
  }
}

/** Removes a file and makes the removal last. No error when it is not there. */
export function remove(path: string): void {
  try {
    rmSync(path, { force: true });
    syncDirectory(dirname(path));
  } catch (error) {
    if (!isMissing(error)) throw storageError('remove', path, error);
  }
}

/**
 * Makes a directory of ours, with the given mode whatever the umask; one that is there must be a directory, no link.
 * @throws LivepatchError `storage`
 */
export function ensureDirectory(path: string, mode: number): void {
  try {
    if (mkdirSync(path, { recursive: true, mode }) !== undefined) {
      const fd = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      try {
        fchmodSync(fd, mode);
      } finally {
        closeSync(fd);
      }
    }
    if (!lstatSync(path).isDirectory()) throw new Error('not a directory');
  } catch (error) {
    throw storageError('make the directory', path, error);
  }
}

/** A rename or removal lasts only once its directory is on disk. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, O_RDONLY | O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

export function storageError(what: string, path: string, cause: unknown): LivepatchError {
  if (cause instanceof LivepatchError) return cause;
  if (hasErrno(cause, 'EACCES')) {
    return new LivepatchError('no-permission', `only root may ${what} ${path}`, {
      hint: "Run it with 'sudo'.",
      cause,
    });
  }
  return new LivepatchError('storage', `cannot ${what} ${path}: ${messageOf(cause)}`, { cause });
}

/** Whether an error says that a file is not there. */
export function isMissing(error: unknown): boolean {
  return hasErrno(error, 'ENOENT');
}
