import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pendingInsertions } from '../../src/store/pending-insertions.ts';
import type { PendingInsertion } from '../../src/types.ts';
import { temporaryDirectory } from '../temporary.ts';
import { PATCH } from './make.ts';
import { OBSTACLES } from './obstacles.ts';

const PENDING: PendingInsertion = {
  patch: PATCH,
  bootId: 'boot-1',
  at: '2026-11-22T12:00:00Z',
  attempt: 2,
  trace: ['BUG: unable to handle page fault'],
  earlier: { bootId: 'boot-0', at: '2026-11-21T12:00:00Z', attempt: 1 },
};
const NAME = `${PATCH.module}_${PATCH.version}`;

/** What is known of an insertion by the name of its file alone. */
const UNKNOWN = {
  patch: {
    ...{ kernel: '', digest: '', sha256: '', fixes: [], cumulative: true },
    ...{ module: PATCH.module, version: PATCH.version, releasedAt: '1970-01-01T00:00:00.000Z' },
  },
  ...{ bootId: '', at: '1970-01-01T00:00:00.000Z', attempt: 1 },
};

describe('a pending insertion', () => {
  it('is a file named after module and version, for root alone, until it is cleared', () => {
    const directory = join(temporaryDirectory(), 'locks');
    const pending = pendingInsertions(directory);
    expect(pending.all()).toEqual([]);
    pending.write(PENDING);
    expect(pending.pathOf(PENDING)).toBe(join(directory, NAME));
    expect(statSync(pending.pathOf(PENDING)).mode & 0o777).toBe(0o600);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(pending.all()).toEqual([PENDING]);
    pending.clear(PENDING);
    pending.clear(PENDING);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('is kept with the least that is known of it', () => {
    const pending = pendingInsertions(temporaryDirectory());
    const { trace: _, earlier: __, ...least } = PENDING;
    pending.write(least);
    expect(pending.all()).toEqual([least]);
  });

  it.each(Object.entries(OBSTACLES))(
    'with %s in its place still locks, and can be cleared',
    (_what, obstruct) => {
      const directory = temporaryDirectory();
      obstruct(join(directory, NAME));
      const pending = pendingInsertions(directory);
      expect(pending.all()).toEqual([UNKNOWN]);
      pending.clear(UNKNOWN);
      expect(pending.all()).toEqual([]);
    },
  );

  it.each(Object.entries(OBSTACLES))('is written where %s is in its place', (_what, obstruct) => {
    const directory = temporaryDirectory();
    obstruct(join(directory, NAME));
    const pending = pendingInsertions(directory);
    pending.write(PENDING);
    expect(pending.all()).toEqual([PENDING]);
  });

  it.each(['[]', '{"module": 1}', JSON.stringify({ ...PENDING, attempt: 0 })])(
    'that holds %j locks as one of no known boot',
    (content) => {
      const directory = temporaryDirectory();
      writeFileSync(join(directory, NAME), content);
      expect(pendingInsertions(directory).all()).toEqual([UNKNOWN]);
    },
  );

  it('is not what only looks like one', () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, `${NAME}.01234567-89ab-cdef-0123-456789abcdef.tmp`), '{}');
    writeFileSync(join(directory, 'README'), '');
    mkdirSync(join(directory, `${NAME}.unreadable`));
    expect(pendingInsertions(directory).all()).toEqual([]);
  });
});
