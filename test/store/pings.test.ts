import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { pingsFile } from '../../src/store/pings.ts';
import type { PendingPing } from '../../src/types.ts';
import { temporaryDirectory } from '../temporary.ts';
import { OBSTACLES } from './obstacles.ts';

const OWED: PendingPing = {
  event: 'settled',
  version: '121.1',
  kernel: '6.1.0-56-amd64',
  minutes: 5,
  due: '2026-11-22T12:05:00.000Z',
  bootId: 'boot-1',
};

it('keeps what is owed, for root alone, and no file when nothing is', () => {
  const path = join(temporaryDirectory(), 'pings.json');
  const pings = pingsFile(path);
  expect(pings.read()).toEqual([]);
  pings.write([OWED]);
  expect(pings.read()).toEqual([OWED]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  pings.write([]);
  expect(existsSync(path)).toBe(false);
});

it.each([
  ['cut short', (text: string) => text.slice(0, -5)],
  ['of an unknown event', (text: string) => text.replace('settled', 'bored')],
])('forgets a list that is %s', (_what, damage) => {
  const path = join(temporaryDirectory(), 'pings.json');
  const pings = pingsFile(path);
  pings.write([OWED]);
  writeFileSync(path, damage(readFileSync(path, 'utf8')));
  expect(pings.read()).toEqual([]);
});

it.each(Object.entries(OBSTACLES))(
  'forgets the list when %s is in its place, and begins another',
  (_what, obstruct) => {
    const path = join(temporaryDirectory(), 'pings.json');
    const pings = pingsFile(path);
    obstruct(path);
    expect(pings.read()).toEqual([]);
    pings.write([OWED]);
    expect(pings.read()).toEqual([OWED]);
  },
);
