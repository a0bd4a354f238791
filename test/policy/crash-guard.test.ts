import { describe, expect, it } from 'vitest';
import { isUnsettled, ruleOn } from '../../src/policy/crash-guard.ts';
import type { PendingInsertion } from '../../src/types.ts';
import { pending } from './situation.ts';

const CLEAN = 900;
const was = (changes: Partial<PendingInsertion> = {}) => pending('121.1', { bootId: 'before', ...changes });

describe('the crash guard', () => {
  it.each([
    ['no pending insertion', undefined, 10, { ruling: 'go', attempt: 1 }],
    ['one of this boot: only our process died', was({ bootId: 'now' }), 10, { ruling: 'go', attempt: 1 }],
    [
      'one of this boot, at the second try',
      was({ bootId: 'now', attempt: 2 }),
      10,
      { ruling: 'go', attempt: 2 },
    ],
    ['one of another boot, just booted', was(), 899, { ruling: 'not-yet', uptimeSeconds: CLEAN }],
    ['one of another boot, after a clean period', was(), 900, { ruling: 'go', attempt: 2 }],
    ['a second one of another boot', was({ attempt: 2 }), 90_000, { ruling: 'blocked', why: 'crashed' }],
    [
      'a kernel bug, in this boot',
      was({ bootId: 'now', trace: ['BUG:'] }),
      90_000,
      { ruling: 'blocked', why: 'kernel-bug' },
    ],
    ['a kernel bug, in another', was({ trace: ['BUG:'] }), 90_000, { ruling: 'blocked', why: 'kernel-bug' }],
  ] as const)('%s', (_what, found, uptimeSeconds, ruling) => {
    expect(ruleOn(found, { bootId: 'now', uptimeSeconds }, CLEAN)).toEqual(ruling);
  });
});

describe('a pending insertion', () => {
  it.each([
    ['of this boot', was({ bootId: 'now' }), true],
    ['of another boot', was(), false],
    ['with a bug found', was({ bootId: 'now', trace: ['BUG:'] }), false],
  ])('%s has something to settle, or not', (_what, one, unsettled) => {
    expect(isUnsettled(one, { bootId: 'now' })).toBe(unsettled);
  });
});
