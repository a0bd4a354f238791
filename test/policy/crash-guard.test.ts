import { describe, expect, it } from 'vitest';
import { ruleOn } from '../../src/policy/crash-guard.ts';
import type { PendingInsertion } from '../../src/types.ts';

const CLEAN = 900;
const lock = (changes: Partial<PendingInsertion> = {}): PendingInsertion => ({
  module: 'lkp_x_121',
  version: '121.1',
  kernel: '6.1.0-56-amd64',
  bootId: 'before',
  at: '2026-11-22T06:00:00Z',
  attempt: 1,
  ...changes,
});

describe('the crash guard', () => {
  it.each([
    ['no lock', undefined, 10, { ruling: 'go', attempt: 1 }],
    ['a lock of this boot: only our process died', lock({ bootId: 'now' }), 10, { ruling: 'go', attempt: 1 }],
    [
      'a lock of this boot, at the second try',
      lock({ bootId: 'now', attempt: 2 }),
      10,
      { ruling: 'go', attempt: 2 },
    ],
    ['a lock of another boot, just booted', lock(), 899, { ruling: 'not-yet', uptimeSeconds: CLEAN }],
    ['a lock of another boot, after a clean period', lock(), 900, { ruling: 'go', attempt: 2 }],
    ['a second lock of another boot', lock({ attempt: 2 }), 90_000, { ruling: 'blocked', why: 'crashed' }],
    [
      'a kernel bug, in this boot',
      lock({ bootId: 'now', trace: ['BUG:'] }),
      90_000,
      { ruling: 'blocked', why: 'kernel-bug' },
    ],
    ['a kernel bug, in another', lock({ trace: ['BUG:'] }), 90_000, { ruling: 'blocked', why: 'kernel-bug' }],
  ] as const)('%s', (_what, found, uptimeSeconds, ruling) => {
    expect(ruleOn(found, { bootId: 'now', uptimeSeconds }, CLEAN)).toEqual(ruling);
  });
});
