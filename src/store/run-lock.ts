import {
  closeSync,
  constants,
  fchmodSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { LivepatchError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { type Ending, runSync } from '../programs.ts';
import { PRIVATE, setAside, storageError } from './files.ts';

/** In seconds: flock ends by itself, this is for one that does not. */
const SLACK = 60;

/**
 * One run at a time. flock(2) locks belong to an open file, so the lock that util-linux's `flock` takes on the
 * descriptor it inherits from us stays when that child ends, and is gone the moment we are, kill -9 included. Node
 * has no flock of its own, and a snap may not listen on a socket instead. Nothing else happens while it is waited for.
 * @param who what a run that has to give up will name, such as "refresh".
 * @throws LivepatchError `busy` when another run keeps the lock longer than `waitMs`, `storage`
 */
export function takeRunLock(path: string, who: string, waitMs: number = LIMITS.store.lockTime): Disposable {
  const fd = openLock(path);
  try {
    const seconds = Math.ceil(waitMs / 1000);
    const { status, stderr } = flock(fd, ['--exclusive', '--timeout', String(seconds)], seconds);
    if (status === 1) throw busy(path);
    if (status !== 0) throw new Error(stderr);
    ftruncateSync(fd);
    writeSync(fd, `${who}, pid ${process.pid}\n`, 0);
    return { [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw storageError('lock', path, error);
  }
}

/** By file descriptor 0: the lock is on the open file, which we share with it. */
function flock(fd: number, options: readonly string[], seconds: number): Ending {
  return runSync('flock', [...options, '0'], { stdin: fd, timeout: (seconds + SLACK) * 1000 });
}

/** Who holds the lock; undefined when nobody does, or that may not be seen. Keeps nobody from taking it. */
export function lockHolder(path: string): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    return flock(fd, ['--shared', '--nonblock'], 0).status === 1 ? holderOf(path) : undefined;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function openLock(path: string): number {
  try {
    if (isObstructed(path)) clearWay(path);
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, PRIVATE);
    fchmodSync(fd, PRIVATE);
    return fd;
  } catch (error) {
    throw storageError('open', path, error);
  }
}

/** By a directory, link or FIFO, which no run of ours ever made. */
function isObstructed(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === false;
}

/**
 * One run at a time, by a lock on the directory: of two that both saw the obstacle, the slower one would otherwise move
 * the lock that the faster one has taken since.
 */
function clearWay(path: string): void {
  const directory = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    flock(directory, ['--exclusive'], 0);
    if (isObstructed(path)) setAside(path);
  } finally {
    closeSync(directory);
  }
}

function busy(path: string): LivepatchError {
  return new LivepatchError('busy', `another canonical-livepatch is running (${holderOf(path)})`, {
    hint: "Try again when it has ended; if it never does, see 'ps' for what it waits for.",
  });
}

function holderOf(path: string): string {
  return readFileSync(path, 'utf8').slice(0, 100).trim() || 'unknown';
}
