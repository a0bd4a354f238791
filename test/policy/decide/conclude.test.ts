import { describe, expect, it } from 'vitest';
import { conclude } from '../../../src/policy/decide/conclude.ts';
import { holdsOf } from '../../../src/policy/decide/holds.ts';
import { knowsAll } from '../../../src/policy/decide.ts';
import {
  AT_BOOT,
  advice,
  applied,
  BY_TIMER,
  CHECKED,
  type Changes,
  file,
  offers,
  patch,
  pending,
  situation,
  withdraws,
} from '../situation.ts';
import { empty, failure, proven, RETRY, stranger, table, tell } from './rows.ts';

describe('a bug', () => {
  const buggy = {
    inUse: ['121.1'],
    state: { applied: [applied('121.1', { bug: true })], advice: offers('121.1') },
  };
  table([
    [
      'in what is in use is what the run ends with',
      {
        ...buggy,
        pending: [pending('121.1', { trace: ['x'] })],
        run: { ...CHECKED, failures: [failure('watch patch 121.1', '121.1', 'kernel-bug')] },
      },
      'fail: kernel-bug',
    ],
    [
      'in what is in use is told by the runs to come',
      { ...buggy, pending: [pending('121.1', { trace: ['x'] })], run: CHECKED },
      'done: kept, bug-in-use',
    ],
    [
      'of before the boot is none',
      {
        ...buggy,
        inUse: [],
        kernel: empty,
        payloads: [file('121.1')],
        pending: [pending('121.1', { bootId: 'before', trace: ['x'] })],
        run: CHECKED,
      },
      'done: held, kernel-bug',
    ],
    [
      'does not keep a newer one out',
      { ...buggy, run: CHECKED, state: { ...buggy.state, advice: offers('122.1') } },
      'fetch patch 122.1',
    ],
    [
      'is tried again when an administrator asks',
      {
        goal: RETRY,
        kernel: empty,
        pending: [pending('121.1', { bootId: 'before', trace: ['x'] })],
        run: proven('121.1'),
        state: { advice: offers('121.1') },
      },
      'begin-insertion of 121.1, try 1',
    ],
  ]);
});

describe('the end of a run', () => {
  table([
    [
      'tells what is held back, though another is in use',
      {
        inUse: ['121.1'],
        config: { cutoffDate: '2020-01-01T00:00:00Z' },
        run: CHECKED,
        state: { applied: [applied('121.1')], advice: offers('122.1', '121.1') },
      },
      'done: held, cutoff-date',
    ],
    [
      'of a timer that has checked is told as any other',
      { goal: BY_TIMER, run: CHECKED },
      'done: kept, nothing-offered',
    ],
    [
      'at boot is well without a network only where nothing else failed',
      { goal: AT_BOOT, run: { ...CHECKED, failures: [failure('fetch patch 122.1', '122.1')] } },
      'fail: network',
    ],
    [
      'at boot is what else failed, when there is no network',
      {
        goal: AT_BOOT,
        run: {
          check: 'failed',
          failures: [failure('check-in'), failure('prove patch 121.1', '121.1', 'digest')],
        },
      },
      'fail: digest',
    ],
    [
      'at boot is no excuse for a server that refuses, whatever else it met',
      {
        goal: AT_BOOT,
        run: {
          check: 'failed',
          failures: [failure('check-in', undefined, 'server-refused'), failure('check-in')],
        },
      },
      'fail: server-refused',
    ],
  ]);

  it('tells its own reason once', () => {
    const s = situation({ run: CHECKED, state: { reverted: [patch('121.1')], advice: offers('121.1') } });
    const [reason] = holdsOf(s);
    expect(conclude(s, reason)).toMatchObject({ do: 'done', held: [{ version: '121.1', why: 'reverted' }] });
    expect((conclude(s, reason) as { held: unknown[] }).held).toHaveLength(1);
  });
});

describe('a patch that another of its name displaced', () => {
  const displaced = applied('121.1');
  /** 121.2 was put in its place, and did not stay. */
  const failed = {
    ...CHECKED,
    failed: [file('121.2')],
    failures: [failure('insert patch 121.2', '121.2', 'kernel-refused')],
  };
  const next = (changes: Changes) =>
    tell(
      conclude(
        situation({
          kernel: empty,
          payloads: [file('121.1')],
          run: failed,
          ...changes,
          state: { displaced, ...changes.state },
        }),
      ),
    );

  it.each<[string, Changes, string]>([
    ['comes back when that one failed', {}, 'prove 121.1'],
    [
      'comes back whatever policy says of patches to come',
      { config: { cutoffDate: '2020-01-01T00:00:00Z' } },
      'prove 121.1',
    ],
    [
      'comes back, though its own insertion is being seen through',
      { pending: [pending('121.1')] },
      'prove 121.1',
    ],
    [
      'comes back after an insertion that another boot has seen',
      { pending: [pending('120.1', { bootId: 'before' })] },
      'prove 121.1',
    ],
    [
      'waits until the record of a failed insertion is cleared',
      { pending: [pending('120.1'), pending('121.1')] },
      'clear-pending 120.1',
    ],
    ['stays out when nothing failed', { run: CHECKED }, 'done: kept, nothing-offered'],
    ['stays out in a mode without applying', { mode: { apply: false } }, 'fail: kernel-refused'],
    ['stays out when its file is gone', { payloads: [] }, 'fail: kernel-refused'],
    [
      'stays out when it failed, too',
      { run: { ...failed, failed: [displaced.digest] } },
      'fail: kernel-refused',
    ],
    [
      'stays out when it was withdrawn',
      { state: { advice: advice([], { withdrawn: withdraws('121.1') }) } },
      'fail: kernel-refused',
    ],
    [
      'is inserted when it is proven',
      { run: { ...failed, proven: [patch('121.1')] } },
      'begin-insertion of 121.1, try 1',
    ],
  ])('%s', (_what, changes, action) => {
    expect(next(changes)).toBe(action);
  });
});

describe('what the source need not say again', () => {
  it.each<[string, Changes, boolean]>([
    ['nothing known', {}, false],
    ['nothing there', { state: { advice: offers() } }, true],
    ['about another kernel', { state: { advice: { ...offers(), kernel: 'other' } } }, false],
    ['a file to fetch', { state: { advice: offers('121.1') } }, false],
    [
      'a file that is here, which may turn out to be damaged',
      { state: { advice: offers('121.1') }, payloads: [file('121.1')] },
      false,
    ],
    ['a stranger in the kernel', { state: { advice: offers() }, kernel: stranger }, false],
  ])('with %s', (_what, changes, known) => {
    expect(knowsAll(situation(changes))).toBe(known);
  });
});
