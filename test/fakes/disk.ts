import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

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
/**
 * Puts a gate before every change of what lies in a directory, until it is disposed of. Node's own functions stay in place
 * behind it.
 * @param reads also before every opening for reading, for a process that has no descriptor left.
 */
export function gateDisk(directory: string, gate: Gate, { reads = false } = {}): Disposable {
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
  const { open } = fs.promises;
  fs.promises.open = async (...words) => {
    const [path, flags] = words;
    if (!isOurs(path)) return open(...words);
    if (reads || isForWriting(flags)) gate('open');
    const file = await open(...words);
    const { sync, writeFile } = file;
    return Object.assign(file, {
      async writeFile(...data: Parameters<typeof writeFile>) {
        gate('writeFile');
        await writeFile.apply(file, data);
      },
      async sync() {
        gate('sync');
        await sync.apply(file);
      },
    });
  };
  syncBuiltinESMExports();
  return {
    [Symbol.dispose]() {
      for (const [name, original] of originals) Reflect.set(fs, name, original);
      fs.promises.open = open;
      syncBuiltinESMExports();
    },
  };
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
