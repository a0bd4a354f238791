import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno } from '../errors.ts';
import { snapFrom } from '../snapd/environment.ts';
import type { Mode, ModeName } from '../types.ts';
import { readStart, readStartOf } from './read.ts';

/** What each mode lets us do. */
const MODES: Record<ModeName, { contact: boolean; apply: boolean }> = {
  normal: { contact: true, apply: true },
  'no-apply': { contact: true, apply: false },
  'no-refresh': { contact: false, apply: true },
  stop: { contact: false, apply: false },
};

const FILE = 'var/local/canonical_livepatch_mode';

/** Inside a snap /var/local is the base's; the host's is elsewhere. */
function modeFile(): string {
  return snapFrom(process.env) === undefined ? FILE : join('var/lib/snapd/hostfs', FILE);
}

/** One place that says something, in the words that were found there. */
interface Said {
  source: string;
  mode: ModeName;
}

/**
 * The kill switch, on the kernel command line (`canonical_livepatch_mode=…`) or in a file. It is read before anything
 * else and needs nothing else to work. Where it is set more than once, only what all of them allow is done. A word that
 * is no mode stops everything, because it was meant to hold us back; so does what is there and cannot be read.
 * @param owner who alone may set it: root, but in tests.
 */
export function readMode(root: string, owner = 0): Mode {
  const said = [...fromCommandLine(join(root, 'proc/cmdline')), ...fromFile(root, modeFile(), owner)];
  return {
    contact: said.every(({ mode }) => MODES[mode].contact),
    apply: said.every(({ mode }) => MODES[mode].apply),
    sources: [...new Set(said.map(({ source }) => source))],
  };
}

/** The longest that a kernel takes is 4096 characters, and what a boot configuration adds to it, 32 KiB. */
const COMMAND_LINE_BYTES = 64 * 1024;

/**
 * Every word counts that is the switch, inside double quotes too: the kernel leaves it to the reader of this line to
 * take them off, and people quote words in ways that they do not intend. It holds `-` and `_` in a name for the same.
 */
const SWITCH = /(?:^|\s)canonical[_-]livepatch[_-]mode(?:=(\S*))?(?=\s|$)/g;

function fromCommandLine(path: string): Said[] {
  const source = 'the kernel command line';
  try {
    const bytes = readStart(path, COMMAND_LINE_BYTES);
    if (bytes.length === COMMAND_LINE_BYTES)
      return [{ source: `${source}, which is too long`, mode: 'stop' }];
    const line = bytes.toString('utf8').replaceAll('"', '');
    const words = [...line.matchAll(SWITCH)].map(([, word = '']) => word);
    // More than one may set the same.
    return [...new Set(words)].map((word) => ({ source, mode: modeName(word) }));
  } catch (error) {
    return isAbsent(error) ? [] : [{ source: `${source}, which cannot be read`, mode: 'stop' }];
  }
}

/** Longer than any mode; what is longer is none. */
const FILE_BYTES = 4096;

/**
 * The directory may be others' to write in, of the group staff on Debian. So nothing but a regular file is opened, which
 * cannot keep us waiting, and never through a link: it could lead to a device that does something when it is opened. A
 * file that somebody else made, or may write, stops everything: nobody knows what root's own said that it replaced.
 */
function fromFile(root: string, file: string, owner: number): Said[] {
  const source = `/${file}`;
  const stop = (why: string): Said[] => [{ source: `${source}, ${why}`, mode: 'stop' }];
  let fd: number | undefined;
  try {
    fd = openSync(join(root, file), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    const status = fstatSync(fd);
    if (!status.isFile()) return stop('which is no regular file');
    if (status.uid !== owner || (status.mode & 0o022) !== 0) return stop('which others than root may write');
    const bytes = readStartOf(fd, FILE_BYTES);
    if (bytes.length === FILE_BYTES) return stop('which is too long');
    const word = bytes.toString('utf8').trim();
    return word === '' ? [] : [{ source, mode: modeName(word) }];
  } catch (error) {
    if (isAbsent(error)) return [];
    return stop(hasErrno(error, 'ELOOP') ? 'which is a link' : 'which cannot be read');
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function modeName(word: string): ModeName {
  return Object.hasOwn(MODES, word) ? (word as ModeName) : 'stop';
}

function isAbsent(error: unknown): boolean {
  return hasErrno(error, 'ENOENT') || hasErrno(error, 'ENOTDIR');
}
