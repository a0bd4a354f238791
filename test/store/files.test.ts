import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ensureDirectory, readIfThere, remove, writeAtomic } from '../../src/store/files.ts';
import { temporaryDirectory } from '../temporary.ts';

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
    expect(() => readIfThere(join(directory, 'state'))).toThrow(/cannot read .*ELOOP/);
  });

  it('does not take a link for a directory of ours', () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'elsewhere'));
    symlinkSync(join(directory, 'elsewhere'), join(directory, 'patches'));
    expect(() => ensureDirectory(join(directory, 'patches'), 0o700)).toThrow(/not a directory/);
  });

  it('leaves the old file and no temporary one when writing fails', () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'state'));
    expect(() => writeAtomic(join(directory, 'state'), 'new')).toThrow(/cannot write/);
    expect(readdirSync(directory)).toEqual(['state']);
  });

  it('refuses a file that is no regular one, without hanging', () => {
    const directory = temporaryDirectory();
    expect(() => readIfThere(directory)).toThrow(/not a regular file/);
    expect(() => readIfThere('/dev/zero')).toThrow(/not a regular file/);
  });

  it('says nothing of a file that is not there, and reports one that may not be read', () => {
    const directory = temporaryDirectory();
    expect(readIfThere(join(directory, 'absent'))).toBeUndefined();
    remove(join(directory, 'absent'));
    chmodSync(directory, 0o755);
  });
});
