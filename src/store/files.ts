import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
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
 * fsynced, renamed over, directory fsynced. The mode holds whatever the umask. A link at `path` is replaced, a
 * directory moved aside.
 * @param limit what `readIfThere` of this file is given: what could not be read back is not written.
 * @throws LivepatchError `storage`; the old file is then untouched and the temporary one removed.
 */
export function writeAtomic(
  path: string,
  content: string | Uint8Array,
  mode = PRIVATE,
  limit: number = LIMITS.store.fileBytes,
): void {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    if (Buffer.byteLength(content) > limit) throw new Error(`more than ${limit} bytes`);
    const fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    try {
      fchmodSync(fd, mode);
      writeFileSync(fd, content);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    if (isDirectory(path)) setAside(path);
    renameSync(temporary, path);
    syncDirectory(dirname(path));
  } catch (error) {
    discard(temporary);
    throw storageError('write', path, error);
  }
}

/** Removes what is left of a failed write, if it can: a second error must not hide the first. */
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
    for (const name of filesIn(directory)) if (names.test(name)) rmSync(join(directory, name));
  } catch (error) {
    if (isMissing(error)) return;
    throw storageError('clear', directory, error);
  }
}

/** The names of all that is no directory: no directory in these places is ours, so none is removed with what it holds. */
export function filesIn(directory: string): string[] {
  const entries = readdirSync(directory, { withFileTypes: true });
  return entries.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
}

/**
 * Opens a regular file for reading, never through a symbolic link at its last component.
 * @throws Error of the system call, or one that says what it is instead of a file.
 */
export function openRegular(path: string): number {
  try {
    // O_NONBLOCK: a FIFO at our path must not hang us.
    const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (fstatSync(fd).isFile()) return fd;
    closeSync(fd);
  } catch (error) {
    if (hasErrno(error, 'ELOOP')) throw new Error('it is a symbolic link, which is not followed');
    // What open(2) says of a socket.
    if (!hasErrno(error, 'ENXIO')) throw error;
  }
  throw new Error('not a regular file');
}

/**
 * Reads a regular file of text, never through a symbolic link at its last component.
 * @param limit bytes that it may have at most.
 * @returns undefined when there is no such file.
 * @throws LivepatchError `storage` when it cannot be read, is larger, or is not UTF-8.
 */
export function readIfThere(path: string, limit: number = LIMITS.store.fileBytes): string | undefined {
  try {
    const fd = openRegular(path);
    try {
      return decode(readBounded(fd, limit));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw storageError('read', path, error);
  }
}

function readBounded(fd: number, limit: number): Uint8Array {
  // By its size first, so that what is far too large costs nothing; one byte more shows that it has grown meanwhile.
  const size = fstatSync(fd).size;
  const buffer = Buffer.allocUnsafe(Math.min(size, limit) + 1);
  let length = 0;
  while (size <= limit && length < buffer.length) {
    const count = readSync(fd, buffer, length, buffer.length - length, null);
    if (count === 0) return buffer.subarray(0, length);
    length += count;
  }
  throw new Error(size <= limit ? 'it grew while it was read' : `larger than ${limit} bytes`);
}

/** Fatal: with U+FFFD in their place, bytes that are no UTF-8 would be three times as many when they are written again. */
function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error('not UTF-8 text');
  }
}

export const setAsideName = (path: string) => `${path}.unreadable`;

/**
 * Moves whatever stands at a path of ours out of the way, file, link or directory, to where a person may
 * still look at it. It takes the place of what was set aside before: one of them is enough.
 * @returns where to.
 * @throws LivepatchError `storage`
 */
export function setAside(path: string): string {
  const aside = setAsideName(path);
  try {
    rmSync(aside, { recursive: true, force: true });
    renameSync(path, aside);
    syncDirectory(dirname(path));
    return aside;
  } catch (error) {
    throw storageError('set aside', path, error);
  }
}

/**
 * Removes a file or link and makes the removal last; a directory in its place is moved aside, with what it holds. No
 * error when nothing is there.
 * @throws LivepatchError `storage`
 */
export function remove(path: string): void {
  try {
    if (isDirectory(path)) {
      setAside(path);
      return;
    }
    rmSync(path, { force: true });
    syncDirectory(dirname(path));
  } catch (error) {
    if (!isMissing(error)) throw storageError('remove', path, error);
  }
}

/** Makes room for a directory of ours. @returns where what was in its place is now. @throws LivepatchError `storage` */
export function setAsideUnlessDirectory(path: string): string | undefined {
  const isThere = lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  return isThere && !isDirectory(path) ? setAside(path) : undefined;
}

function isDirectory(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/**
 * Makes a directory of ours, if it is not there, and sees to its mode, whatever the umask and whatever it was before. Missing
 * parents become searchable for everybody: a closed one would hide from `status` that the machine is enabled.
 * @throws LivepatchError `storage` also when it is a link or anything else than a directory.
 */
export function ensureDirectory(path: string, mode: number): void {
  try {
    const parent = dirname(path);
    if (!existsSync(parent)) ensureDirectory(parent, 0o755);
    makeDirectory(path, mode);
    const fd = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      if ((fstatSync(fd).mode & 0o7777) !== mode) fchmodSync(fd, mode);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw storageError('make the directory', path, hasErrno(error, 'ENOTDIR') ? notADirectory() : error);
  }
}

const notADirectory = () => new Error('something else, or a link, is in its place; move it away');

function makeDirectory(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error;
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

/** What helps, by what the system has against it. */
const HINTS_BY_ERRNO = new Map([
  [
    'EROFS',
    "Find out with 'findmnt' and 'sudo dmesg' why it is mounted read-only, and mount it for writing.",
  ],
  ['ENOSPC', "Free some space, or inodes: see 'df' and 'df --inodes'."],
  ['EDQUOT', 'The quota is used up: free some space, or raise it.'],
  ['EIO', "The disk has an error: see 'sudo dmesg'."],
  ['EPERM', "See 'lsattr -d' for attributes of the directory, such as immutable."],
]);

export function storageError(what: string, path: string, cause: unknown): LivepatchError {
  if (cause instanceof LivepatchError) return cause;
  if (hasErrno(cause, 'EACCES')) {
    const isRoot = process.geteuid?.() === 0;
    const found = isRoot ? `not even root may ${what} ${path}` : `only root may ${what} ${path}`;
    return new LivepatchError('no-permission', found, {
      hint: isRoot ? 'A security module, a snap or a network file system forbids it.' : "Run it with 'sudo'.",
      cause,
    });
  }
  const code = [...HINTS_BY_ERRNO.keys()].find((name) => hasErrno(cause, name));
  const hint = code && HINTS_BY_ERRNO.get(code);
  const options = hint === undefined ? { cause } : { hint, cause };
  return new LivepatchError('storage', `cannot ${what} ${path}: ${messageOf(cause)}`, options);
}

/** Whether an error says that a file is not there. */
export function isMissing(error: unknown): boolean {
  return hasErrno(error, 'ENOENT');
}
