import { describe } from 'vitest';
import {
  applied,
  candidate,
  DAY,
  live,
  loaded,
  moduleOf,
  offers,
  patch,
  pending,
  withdraws,
} from '../situation.ts';
import { apply, failedRun, failure, given, stranger, table } from './rows.ts';

describe('apply FILE', () => {
  const goal = apply('a', 'b');
  table([
    ['takes the first in', { goal }, 'take in a'],
    ['begins it', { goal, run: given('121.1') }, 'begin-insertion of 121.1, try 1'],
    [
      'inserts it',
      { goal, pending: [pending('121.1')], run: { ...given('121.1'), begun: candidate('121.1').digest } },
      'insert patch 121.1',
    ],
    ['takes the next in when that is in use', { goal, inUse: ['121.1'], run: given('121.1') }, 'take in b'],
    [
      'ends with the last',
      {
        goal,
        inUse: ['121.1', '122.1'],
        run: { ...given('121.1', '122.1'), applied: [applied('121.1'), applied('122.1')] },
      },
      'done: applied 121.1, 122.1',
    ],
    [
      'ends with what was replaced',
      {
        goal: apply('a'),
        inUse: ['122.1'],
        kernel: { live: [live('122.1')], loaded: [loaded('121.1'), loaded('122.1')] },
        state: { applied: [applied('122.1')], replaced: [applied('121.1')] },
        run: { ...given('122.1'), applied: [applied('122.1')] },
      },
      `unload ${moduleOf('121')}, replaced`,
    ],
    [
      'keeps what is in use',
      { goal: apply('a'), inUse: ['121.1'], run: given('121.1') },
      'done: kept, already-applied',
    ],
    [
      'fails with the file',
      { goal, run: { failures: [failure('take in a', undefined, 'signature')] } },
      'fail: signature',
    ],
    [
      'fails with the insertion',
      { goal, run: { ...given('121.1'), ...failedRun('121.1', 'insert patch 121.1') } },
      'fail: network',
    ],
    ['holds back an older one', { goal, inUse: ['122.1'], run: given('121.1') }, 'done: held, rollback'],
    [
      'holds back another one of the version',
      { goal, inUse: ['121.1'], run: { given: [patch('121.1', { digest: 'other' })] } },
      'done: held, rollback',
    ],
    [
      'holds back what was withdrawn',
      { goal, state: { advice: { ...offers(), withdrawn: withdraws('121.1') } }, run: given('121.1') },
      'done: held, withdrawn',
    ],
    [
      'holds back what the machine went down with',
      { goal, pending: [pending('121.1', { bootId: 'before', attempt: 2 })], run: given('121.1') },
      'done: held, crashed',
    ],
    [
      'minds no cutoff-date and no patch-delay',
      { goal, config: { cutoffDate: '2020-01-01T00:00:00Z', patchDelay: 999 * DAY }, run: given('121.1') },
      'begin-insertion of 121.1, try 1',
    ],
    [
      'minds no earlier revert',
      { goal, state: { reverted: [patch('121.1')] }, run: given('121.1') },
      'begin-insertion of 121.1, try 1',
    ],
    [
      "does not go beside somebody else's",
      { goal, kernel: stranger, run: given('121.1') },
      'fail: kernel-refused',
    ],
    ['asks nobody', { goal: apply(), enabled: true }, 'done: kept, nothing-offered'],
  ]);
});
