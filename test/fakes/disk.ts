import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { onTestFinished } from 'vitest';

/** Called before every call that would change something on disk; what it throws is what that call throws. */
export type Gate = (call: string) => void;

/** What writes, by its name in node:fs. Each takes a path or a descriptor first. */
const WRITERS = [
  'writeFileSync',
  'writeSync',
  'fsyncSync',
  'fchmodSync',
  'ftruncateSync',
  'renameSync',
  'rmSync',
  'mkdirSync',
] as const;
/** The same for streams, which hand errors to their last argument. */
const ASYNCHRONOUS = ['open', 'write', 'writev', 'fsync'] as const;

/**
 * Puts a gate before every change of what lies in a directory, until the test ends. Node's own functions stay in place
 * behind it.
 * @param reads also before every opening for reading, for a process that has no descriptor left.
 */
export function gateDisk(directory: string, gate: Gate, { reads = false } = {}): void {
  const ours = new Set<unknown>();
  const originals = new Map<string, unknown>();
  const isOurs = (what: unknown) =>
    ours.has(what) || (typeof what === 'string' && what.startsWith(directory));
  const replace = (name: string, make: (original: (...words: unknown[]) => unknown) => unknown) => {
    const original = Reflect.get(fs, name);
    originals.set(name, original);
    Reflect.set(fs, name, make(original));
  };

  for (const name of WRITERS) {
    replace(name, (original) => (...words: unknown[]) => {
      if (isOurs(words[0])) gate(name);
      return original(...words);
    });
  }
  replace('openSync', (original) => (...words: unknown[]) => {
    if (isOurs(words[0]) && (reads || isForWriting(words[1]))) gate('openSync');
    const fd = original(...words);
    if (isOurs(words[0])) ours.add(fd);
    return fd;
  });
  replace('closeSync', (original) => (fd: unknown) => {
    ours.delete(fd);
    return original(fd);
  });
  for (const name of ASYNCHRONOUS) {
    replace(name, (original) => (...words: unknown[]) => {
      const done = words.pop() as (error: unknown, ...rest: unknown[]) => void;
      if (!isOurs(words[0])) return original(...words, done);
      try {
        if (name !== 'open' || reads || isForWriting(words[1])) gate(name);
      } catch (error) {
        return setImmediate(done, error);
      }
      return original(...words, (error: unknown, ...rest: unknown[]) => {
        if (name === 'open' && !error) ours.add(rest[0]);
        done(error, ...rest);
      });
    });
  }
  syncBuiltinESMExports();
  onTestFinished(() => {
    for (const [name, original] of originals) Reflect.set(fs, name, original);
    syncBuiltinESMExports();
  });
}

function isForWriting(flags: unknown): boolean {
  if (typeof flags === 'string') return flags !== 'r';
  const { O_CREAT, O_RDWR, O_WRONLY } = fs.constants;
  return typeof flags === 'number' && (flags & (O_CREAT | O_RDWR | O_WRONLY)) !== 0;
}

/** As Node would report it. */
export function systemError(code: 'EIO' | 'EMFILE' | 'ENOSPC' | 'EROFS'): Error {
  return Object.assign(new Error(`${code}: the disk says so`), { code });
}
