import { once } from 'node:events';
import { closeSync, constants, fchmodSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { LivepatchError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { PRIVATE, storageError } from './files.ts';

/**
 * One run at a time. flock(2) locks belong to an open file, so the lock that util-linux's `flock` takes on the
 * descriptor it inherits from us stays when that child ends, and is gone the moment we are, kill -9 included. Node
 * has no flock of its own, and a snap may not listen on a socket instead.
 * @param who what a run that has to give up will name, such as "refresh".
 * @throws LivepatchError `busy` when another run keeps the lock longer than `waitMs`, `storage`
 */
export async function takeRunLock(
  path: string,
  who: string,
  waitMs: number = LIMITS.store.lockTime,
): Promise<Disposable> {
  const fd = openLock(path);
  try {
    const seconds = Math.ceil(waitMs / 1000);
    const { exitCode, stderr } = await flock(fd, seconds);
    if (exitCode === 1) throw busy(path);
    if (exitCode !== 0) throw new Error(stderr || 'flock could not be run');
    ftruncateSync(fd);
    writeSync(fd, `${who}, process ${process.pid}\n`, 0);
    return { [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw storageError('lock', path, error);
  }
}

/**
 * Every refresh passes here: bare Node, for execa takes longer to load than flock to run, and loaded here, for who only
 * reads the store spawns nothing.
 */
async function flock(fd: number, seconds: number): Promise<{ exitCode: number | null; stderr: string }> {
  const { spawn } = process.getBuiltinModule('node:child_process');
  const child = spawn('flock', ['--exclusive', '--timeout', String(seconds), '0'], {
    stdio: [fd, 'ignore', 'pipe'],
  });
  const [stderr, [exitCode]] = await Promise.all([text(child.stderr as Readable), once(child, 'close')]);
  return { exitCode, stderr: stderr.trim() };
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
