import { readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { privateFile } from '../../src/store/private-file.ts';
import { temporaryDirectory } from '../temporary.ts';

describe('a private file', () => {
  it('holds the bytes, has no name, and cannot be written through', () => {
    const directory = temporaryDirectory();
    using file = privateFile(directory, Buffer.from('verified'));
    expect(readdirSync(directory)).toEqual([]);
    expect(readFileSync(`/proc/self/fd/${file.fd}`, 'utf8')).toBe('verified');
    expect(() => writeSync(file.fd, 'swapped')).toThrow(/EBADF/);
  });

  it('is not reached by whoever writes new files where it was', () => {
    const directory = temporaryDirectory();
    using file = privateFile(directory, Buffer.from('verified'));
    for (const name of ['module.ko', '.x']) writeFileSync(`${directory}/${name}`, 'swapped');
    expect(readFileSync(file.fd, 'utf8')).toBe('verified');
  });

  it('is closed at the end of its block', () => {
    let fd: number;
    {
      using file = privateFile(temporaryDirectory(), Buffer.from('verified'));
      fd = file.fd;
    }
    expect(() => readFileSync(fd)).toThrow(/EBADF/);
  });
});
