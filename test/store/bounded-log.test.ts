import { readdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { boundedLog } from '../../src/store/bounded-log.ts';
import { temporaryDirectory } from '../temporary.ts';
import { OBSTACLES } from './obstacles.ts';

it('never grows beyond its files, and gives the newest line first', () => {
  const directory = temporaryDirectory();
  const log = boundedLog(join(directory, 'log'), { bytes: 12, files: 3 });
  // Two lines of 6 bytes a file.
  for (const line of ['one..', 'two..', 'three', 'four.', 'five.', 'six..', 'seven']) log.append(line);
  expect(readdirSync(directory).sort()).toEqual(['log', 'log.1', 'log.2']);
  expect(log.newestFirst()).toEqual(['seven', 'six..', 'five.', 'four.', 'three']);
});

it('is for root alone, whatever the umask', () => {
  const directory = temporaryDirectory();
  const before = process.umask(0);
  try {
    boundedLog(join(directory, 'logs', 'log'), { bytes: 100, files: 2 }).append('x');
  } finally {
    process.umask(before);
  }
  expect(statSync(join(directory, 'logs')).mode & 0o777).toBe(0o700);
  expect(statSync(join(directory, 'logs', 'log')).mode & 0o777).toBe(0o600);
});

it('writes through no symbolic link', () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'precious'), 'mine');
  symlinkSync(join(directory, 'precious'), join(directory, 'log'));
  boundedLog(join(directory, 'log'), { bytes: 100, files: 2 }).append('x');
  expect(readFileSync(join(directory, 'precious'), 'utf8')).toBe('mine');
});

it.each(
  Object.entries(OBSTACLES)
    .slice(2)
    .filter(([what]) => what !== 'half a file'),
)('goes on when %s is in its place, and keeps that aside', (_what, obstruct) => {
  const directory = temporaryDirectory();
  const log = boundedLog(join(directory, 'log'), { bytes: 100, files: 2 });
  log.append('old');
  renameSync(join(directory, 'log'), join(directory, 'log.1'));
  obstruct(join(directory, 'log'));
  expect(log.newestFirst()).toEqual(['old']);
  log.append('new');
  expect(log.newestFirst()).toEqual(['new', 'old']);
  expect(readdirSync(directory).sort()).toEqual(['log', 'log.1', 'log.unreadable']);
});

it('is empty when nothing was ever written', () => {
  expect(boundedLog(join(temporaryDirectory(), 'log'), { bytes: 100, files: 2 }).newestFirst()).toEqual([]);
});
