import { spawnSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureDirectory, readIfThere, remove, setAside, sweep, writeAtomic } from '../../src/store/files.ts';
import { temporaryDirectory } from '../temporary.ts';
import { OBSTACLES } from './obstacles.ts';

/** Every control character, letters of one to three bytes, and a mark of the byte order. */
const anyText = fc
  .array(
    fc.oneof(fc.integer({ min: 0, max: 0x2fff }), fc.integer({ min: 0, max: 0x7f }), fc.constant(0xfeff)),
    {
      maxLength: 16,
    },
  )
  .map((codes) => String.fromCodePoint(...codes));

const modeOf = (path: string) => statSync(path).mode & 0o7777;

describe('files', () => {
  let umask: number;
  beforeEach(() => {
    umask = process.umask(0);
  });
  afterEach(() => process.umask(umask));

  it.each([0o000, 0o777])('writes 0600 whatever the umask (%o)', (mask) => {
    const path = join(temporaryDirectory(), 'secret');
    process.umask(mask);
    writeAtomic(path, 'content');
    expect(modeOf(path)).toBe(0o600);
    expect(readIfThere(path)).toBe('content');
  });

  it.each([0o000, 0o777])('makes directories 0700 whatever the umask (%o)', (mask) => {
    const path = join(temporaryDirectory(), 'patches');
    process.umask(mask);
    ensureDirectory(path, 0o700);
    expect(modeOf(path)).toBe(0o700);
  });

  it('replaces a link instead of writing through it', () => {
    const directory = temporaryDirectory();
    const victim = join(directory, 'victim');
    writeFileSync(victim, 'precious');
    symlinkSync(victim, join(directory, 'state'));
    writeAtomic(join(directory, 'state'), 'new');
    expect(readFileSync(victim, 'utf8')).toBe('precious');
    expect(readIfThere(join(directory, 'state'))).toBe('new');
  });

  it('does not read through a link', () => {
    const directory = temporaryDirectory();
    symlinkSync('/etc/passwd', join(directory, 'state'));
    expect(() => readIfThere(join(directory, 'state'))).toThrow(
      /cannot read .*: it is a symbolic link, which is not followed/,
    );
  });

  it('does not take a link for a directory of ours', () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'elsewhere'));
    symlinkSync(join(directory, 'elsewhere'), join(directory, 'patches'));
    expect(() => ensureDirectory(join(directory, 'patches'), 0o700)).toThrow(
      /something else, or a link, is in its place/,
    );
  });

  it('leaves the old file and no temporary one when writing fails', () => {
    const directory = temporaryDirectory();
    writeAtomic(join(directory, 'state'), 'old');
    expect(() => writeAtomic(join(directory, 'state'), 'longer', 0o600, 5)).toThrow(
      expect.objectContaining({ code: 'storage', message: expect.stringContaining('more than 5 bytes') }),
    );
    expect(readdirSync(directory)).toEqual(['state']);
    expect(readIfThere(join(directory, 'state'))).toBe('old');
  });

  it('writes nothing that it could not read back', () => {
    const path = join(temporaryDirectory(), 'state');
    fc.assert(
      fc.property(anyText, fc.nat(24), (text, limit) => {
        try {
          writeAtomic(path, text, 0o600, limit);
        } catch {
          expect(Buffer.byteLength(text)).toBeGreaterThan(limit);
          return;
        }
        // A mark of the byte order is no part of the text.
        expect(readIfThere(path, limit)).toBe(text.replace(/^\ufeff/, ''));
      }),
      // Each is fsynced.
      { numRuns: 30 },
    );
  });

  it('does not take bytes that are no UTF-8 for text, which would grow each time it is written', () => {
    const path = join(temporaryDirectory(), 'state');
    writeFileSync(path, Buffer.from([0x61, 0xff, 0xc3]));
    expect(() => readIfThere(path)).toThrow(/not UTF-8 text/);
  });

  it.each([0o077, 0o777])('lets everybody search the parents that it makes (umask %o)', (mask) => {
    const root = temporaryDirectory();
    process.umask(mask);
    ensureDirectory(join(root, 'ours', 'common', 'patches'), 0o700);
    expect(['ours', 'ours/common', 'ours/common/patches'].map((name) => modeOf(join(root, name)))).toEqual([
      0o755, 0o755, 0o700,
    ]);
  });

  it.each([0o700, 0o777])('sees to the mode of a directory that is there (%o)', (mode) => {
    const path = join(temporaryDirectory(), 'common');
    mkdirSync(path, { mode });
    ensureDirectory(path, 0o755);
    expect(modeOf(path)).toBe(0o755);
  });

  it('refuses a file that is no regular one, without hanging', () => {
    const directory = temporaryDirectory();
    expect(() => readIfThere(directory)).toThrow(/not a regular file/);
    expect(() => readIfThere('/dev/zero')).toThrow(/not a regular file/);
    // A FIFO without a writer: to open it without O_NONBLOCK waits for ever.
    const fifo = join(directory, 'fifo');
    expect(spawnSync('mkfifo', [fifo]).status).toBe(0);
    expect(() => readIfThere(fifo)).toThrow(/not a regular file/);
  });

  it('says nothing of a file that is not there', () => {
    const path = join(temporaryDirectory(), 'absent');
    expect(readIfThere(path)).toBeUndefined();
    remove(path);
  });

  it('sweeps no directory away', () => {
    const directory = temporaryDirectory();
    const name = 'state.01234567-89ab-cdef-0123-456789abcdef.tmp';
    mkdirSync(join(directory, name));
    sweep(directory);
    expect(readdirSync(directory)).toEqual([name]);
  });
});

describe.each(Object.entries(OBSTACLES))('%s in the place of a file', (_what, obstruct) => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = temporaryDirectory();
    path = join(directory, 'ours');
    obstruct(path);
  });

  it('is set aside, where the newest one stays', () => {
    const before = lstatSync(path).ino;
    mkdirSync(join(directory, 'ours.unreadable', 'older'), { recursive: true });
    expect(setAside(path)).toBe(join(directory, 'ours.unreadable'));
    expect(readdirSync(directory)).toEqual(['ours.unreadable']);
    expect(lstatSync(join(directory, 'ours.unreadable')).ino).toBe(before);
  });

  it('is replaced by what is written', () => {
    writeAtomic(path, 'new');
    expect(readIfThere(path)).toBe('new');
  });

  it('is removed; a directory is kept aside', () => {
    const isDirectory = lstatSync(path).isDirectory();
    remove(path);
    expect(readdirSync(directory)).toEqual(isDirectory ? ['ours.unreadable'] : []);
  });
});
