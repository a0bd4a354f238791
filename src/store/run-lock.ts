import { closeSync, constants, fchmodSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { LivepatchError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { type Ending, runSync } from '../programs.ts';
import { PRIVATE, storageError } from './files.ts';

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
    const { status, stderr } = flock(fd, seconds);
    if (status === 1) throw busy(path);
    if (status !== 0) throw new Error(stderr);
    ftruncateSync(fd);
    writeSync(fd, `${who}, process ${process.pid}\n`, 0);
    return { [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw storageError('lock', path, error);
  }
}

/** By file descriptor 0: the lock is on the open file, which we share with it. */
function flock(fd: number, seconds: number): Ending {
  const args = ['--exclusive', '--timeout', String(seconds), '0'];
  return runSync('flock', args, { stdin: fd, timeout: (seconds + SLACK) * 1000 });
}

function openLock(path: string): number {
  try {
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, PRIVATE);
    fchmodSync(fd, PRIVATE);
    return fd;
  } catch (error) {
    throw storageError('open', path, error);
  }
}

function busy(path: string): LivepatchError {
  const holder = readFileSync(path, 'utf8').slice(0, 100).trim();
  return new LivepatchError('busy', `another run is at work: ${holder || 'unknown'}`, {
    hint: 'Try again when it is done.',
  });
}
