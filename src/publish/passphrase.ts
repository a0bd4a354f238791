import { closeSync, openSync, readSync } from 'node:fs';
import { LivepatchError, messageOf } from '../errors.ts';

/** Longer than anybody types or a generator makes. */
const LONGEST = 4096;

/**
 * The first line of the file or of standard input; undefined when neither is asked for. Never from an argument, which
 * everybody on the machine can read.
 * @throws LivepatchError `storage` or `config`
 */
export function readPassphrase(flags: {
  'passphrase-file'?: string | undefined;
  'passphrase-stdin': boolean;
}): string | undefined {
  const path = flags['passphrase-file'];
  if (path === undefined) return flags['passphrase-stdin'] ? firstLine(0) : undefined;
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    return firstLine(fd);
  } catch (cause) {
    if (cause instanceof LivepatchError) throw cause;
    throw new LivepatchError('storage', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function firstLine(fd: number): string {
  const bytes = Buffer.alloc(LONGEST);
  let filled = 0;
  while (filled < LONGEST && !bytes.subarray(0, filled).includes('\n')) {
    const count = readSync(fd, bytes, filled, LONGEST - filled, null);
    if (count === 0) break;
    filled += count;
  }
  const [line = ''] = bytes.toString('utf8', 0, filled).split(/\r?\n/);
  if (line === '' || filled === LONGEST) {
    throw new LivepatchError('config', 'the passphrase is empty, or longer than 4 KiB');
  }
  return line;
}
