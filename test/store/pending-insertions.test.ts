import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pendingInsertions } from '../../src/store/pending-insertions.ts';
import { temporaryDirectory } from '../temporary.ts';

const LOCK = {
  ...{ module: 'lkp_Ubuntu_6_8_0_1047_50_aws_121', version: '121.4', kernel: '6.8.0-1047.50-aws' },
  ...{ bootId: 'boot-1', at: '2026-11-22T12:00:00Z', attempt: 1 },
};

describe('a crash lock', () => {
  it('is a file named after module and version, for root alone, until it is lifted', () => {
    const directory = join(temporaryDirectory(), 'locks');
    const pending = pendingInsertions(directory);
    expect(pending.all()).toEqual([]);
    pending.write(LOCK);
    expect(pending.pathOf(LOCK.module, LOCK.version)).toBe(join(directory, `${LOCK.module}_121.4`));
    expect(statSync(pending.pathOf(LOCK.module, LOCK.version)).mode & 0o777).toBe(0o600);
    expect(pending.read(LOCK.module, LOCK.version)).toEqual(LOCK);
    expect(pending.all()).toEqual([LOCK]);
    pending.clear(LOCK.module, LOCK.version);
    pending.clear(LOCK.module, LOCK.version);
    expect(readdirSync(directory)).toEqual([]);
  });

  it.each(['', '{', '{"module": 1}', '[]'])(
    'that holds %j still locks, as one of no known boot',
    (content) => {
      const directory = temporaryDirectory();
      writeFileSync(join(directory, `${LOCK.module}_121.4`), content);
      const { module, version } = LOCK;
      expect(pendingInsertions(directory).all()).toEqual([
        { module, version, kernel: '', bootId: '', at: '1970-01-01T00:00:00.000Z', attempt: 1 },
      ]);
    },
  );

  it('is not what only looks like one', () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, `${LOCK.module}_121.4.0123456789ab.tmp`), '{}');
    writeFileSync(join(directory, 'README'), '');
    expect(pendingInsertions(directory).all()).toEqual([]);
  });
});
