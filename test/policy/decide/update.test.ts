import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/policy/decide.ts';
import {
  AT_BOOT,
  advice,
  applied,
  BY_TIMER,
  CHECKED,
  candidate,
  DAY,
  file,
  live,
  loaded,
  NOW,
  offers,
  patch,
  pending,
  situation,
  withdraws,
} from '../situation.ts';
import {
  begun,
  ENABLE,
  failedRun,
  failure,
  lost,
  NO_APPLY,
  NO_CONTACT,
  proven,
  RECENT,
  RETRY,
  stranger,
  table,
  tell,
} from './rows.ts';

describe('registration', () => {
  const fresh = { goal: ENABLE, enabled: false } as const;
  table([
    ['with a server asks first', fresh, 'ask-support'],
    ['then registers', { ...fresh, run: { support: 'supported' } }, 'register'],
    ['also where the server does not know', { ...fresh, run: { support: 'unknown' } }, 'register'],
    [
      'not where the server says no',
      { ...fresh, run: { support: 'unsupported' } },
      'fail: unsupported-kernel',
    ],
    [
      'not on a kernel without live patching',
      { ...fresh, kernel: { live: undefined } },
      'fail: unsupported-kernel',
    ],
    ['with a catalogue, at once', { ...fresh, source: 'catalogue' }, 'register'],
    [
      'with a catalogue, not without live patching',
      { ...fresh, source: 'catalogue', kernel: { live: undefined } },
      'fail: unsupported-kernel',
    ],
    ['is followed by a check', { goal: ENABLE, run: { registered: true } }, 'check-in'],
    ['fails with what failed', { ...fresh, run: { failures: [failure('ask-support')] } }, 'fail: network'],
    [
      'and the machine stays enabled when that fails',
      { goal: ENABLE, run: { registered: true, check: 'failed', failures: [failure('check-in')] } },
      'done: enabled, network',
    ],
    [
      'and when the kernel is taken',
      {
        goal: ENABLE,
        kernel: stranger,
        payloads: [file('122.1')],
        state: { advice: offers('122.1') },
        run: { ...proven('122.1'), registered: true },
      },
      'done: enabled, kernel-refused',
    ],
    [
      'and ends with a result',
      { goal: ENABLE, run: { ...CHECKED, registered: true }, state: { advice: offers() } },
      'done: enabled, kept',
    ],
  ]);
});

describe('the schedule', () => {
  const known = { state: { ...RECENT, advice: offers() } };
  table([
    ['a person', known, 'check-in'],
    ['a timer, nothing known', { goal: BY_TIMER }, 'check-in'],
    [
      'enable, though a check was just made',
      { goal: ENABLE, run: { registered: true }, ...known },
      'check-in',
    ],
    [
      'a timer, just checked',
      { goal: BY_TIMER, ...known, config: { checkInterval: DAY } },
      'done: kept, not-due',
    ],
    [
      'a timer, a day later',
      { goal: BY_TIMER, ...known, config: { checkInterval: DAY }, now: new Date(NOW.getTime() + DAY) },
      'check-in',
    ],
    [
      'a timer, after a change of kernel',
      { goal: BY_TIMER, state: { ...RECENT, advice: { ...offers(), kernel: 'other' } } },
      'check-in',
    ],
    [
      'a timer, checks turned off',
      { goal: BY_TIMER, config: { checkInterval: undefined } },
      'done: kept, not-due',
    ],
    ['a boot, just checked', { goal: AT_BOOT, ...known }, 'done: kept, nothing-offered'],
    ['a boot, after a day', { goal: AT_BOOT, ...known, now: new Date(NOW.getTime() + DAY) }, 'check-in'],
    [
      'a boot, the file gone',
      {
        goal: AT_BOOT,
        before: ['121.1'],
        payloads: [],
        state: { ...RECENT, applied: [applied('121.1', { bootId: 'before' })], advice: offers('121.1') },
      },
      'check-in',
    ],
    [
      'a boot, the file gone, checks turned off',
      { goal: AT_BOOT, before: ['121.1'], payloads: [], config: { checkInterval: undefined } },
      'check-in',
    ],
    [
      'a boot, the file of another kernel gone',
      {
        goal: AT_BOOT,
        state: { ...RECENT, advice: offers(), applied: [applied('121.1', { kernel: 'other' })] },
      },
      'done: kept, nothing-offered',
    ],
    [
      'a timer, the file gone',
      {
        goal: BY_TIMER,
        config: { checkInterval: DAY },
        payloads: [],
        state: { ...RECENT, advice: offers('121.1'), applied: [applied('121.1', { bootId: 'before' })] },
      },
      'done: kept, not-due',
    ],
    ['a mode without contact', { mode: NO_CONTACT }, 'done: kept, mode'],
    [
      'a mode without contact, at boot',
      { mode: NO_CONTACT, goal: AT_BOOT, before: ['121.1'] },
      'prove 121.1',
    ],
    [
      'a mode without contact, at boot, when all is there',
      { mode: NO_CONTACT, goal: AT_BOOT, inUse: ['121.1'] },
      'done: kept, already-applied',
    ],
    ['a check that failed', { run: { check: 'failed', failures: [failure('check-in')] } }, 'fail: network'],
    [
      'a check that failed for want of a network, at boot',
      { goal: AT_BOOT, run: { check: 'failed', failures: [failure('check-in')] } },
      'done: kept, nothing-offered',
    ],
    [
      'a check that was refused, at boot',
      {
        goal: AT_BOOT,
        run: { check: 'failed', failures: [failure('check-in', undefined, 'server-refused')] },
      },
      'fail: server-refused',
    ],
    [
      'a check that failed, with a patch known',
      {
        state: { advice: offers('121.1') },
        payloads: [file('121.1')],
        run: { check: 'failed', failures: [failure('check-in')] },
      },
      'fail: network',
    ],
  ]);
});

describe('what is due', () => {
  const due = (...versions: string[]) => ({ state: { advice: offers(...versions) } });
  table([
    ['nothing', { run: CHECKED, ...due() }, 'done: kept, nothing-offered'],
    [
      'nothing of this kernel',
      { run: CHECKED, state: { advice: { ...offers('121.1'), kernel: 'other' } } },
      'done: kept, nothing-offered',
    ],
    ['a patch: it is fetched', { run: CHECKED, ...due('121.1') }, 'fetch patch 121.1'],
    ['the newest of several', { run: CHECKED, ...due('123.1', '122.1', '121.1') }, 'fetch patch 123.1'],
    ['one whose file is here', { run: CHECKED, payloads: [file('121.1')], ...due('121.1') }, 'prove 121.1'],
    ['one that is proven', { run: proven('121.1'), ...due('121.1') }, 'begin-insertion of 121.1, try 1'],
    [
      'one that was begun',
      { run: begun('121.1'), pending: [pending('121.1')], ...due('121.1') },
      'insert patch 121.1',
    ],
    [
      'one that is in, and on its way',
      {
        run: begun('121.1'),
        pending: [pending('121.1')],
        kernel: { live: [live('121.1', { inTransition: true })], loaded: [loaded('121.1')] },
        ...due('121.1'),
      },
      'wait-for-transition patch 121.1',
    ],
    [
      'one that is in, and not yet written down',
      { run: begun('121.1'), pending: [pending('121.1')], kernel: lost, ...due('121.1') },
      'wait-for-transition patch 121.1',
    ],
    [
      'one that is in use, and not yet watched',
      { inUse: ['121.1'], run: begun('121.1'), pending: [pending('121.1')] },
      'watch patch 121.1',
    ],
    [
      'one that was watched',
      {
        inUse: ['121.1'],
        run: { ...begun('121.1'), applied: [applied('121.1')] },
        state: { advice: offers('121.1'), applied: [applied('121.1')] },
      },
      'done: applied 121.1',
    ],
    ['the CVE data, last', { inUse: ['121.1'], run: { check: 'done' } }, 'fetch-cves'],
    [
      'the CVE data, also after a failure',
      { run: { ...failedRun('121.1'), cvesDone: false }, ...due('121.1') },
      'fetch-cves',
    ],
    [
      'the CVE data, once',
      { run: { ...CHECKED, cvesDone: false, failures: [failure('fetch-cves')] } },
      'fail: network',
    ],
    ['what failed is not tried again', { run: failedRun('121.1'), ...due('121.1') }, 'fail: network'],
    [
      'what failed without its name is not tried again',
      { run: { ...CHECKED, failures: [failure('fetch patch 121.1', '121.1', 'digest')] }, ...due('121.1') },
      'fail: digest',
    ],
    ['what is in the kernel', { inUse: ['121.1'], run: CHECKED }, 'done: kept, already-applied'],
    [
      'an older one than is in the kernel',
      { inUse: ['122.1'], run: CHECKED, state: { advice: offers('121.1'), applied: [applied('122.1')] } },
      'done: kept, already-applied',
    ],
    [
      'an older one than was taken out',
      { run: CHECKED, state: { advice: offers('121.1'), reverted: [patch('122.1')] } },
      'done: held, rollback and reverted',
    ],
    [
      'the same module name, other code: it is not in the kernel',
      {
        run: proven('121.2'),
        inUse: ['121.1'],
        state: { advice: offers('121.2'), applied: [applied('121.1')] },
      },
      'begin-insertion of 121.2, try 1',
    ],
    [
      'nothing without an application mode',
      { mode: NO_APPLY, run: proven('121.1'), ...due('121.1') },
      'done: held, mode',
    ],
    [
      'another transition first',
      {
        run: proven('122.1'),
        inUse: ['121.1'],
        kernel: { live: [live('121.1', { inTransition: true })], loaded: [loaded('121.1')] },
        state: { advice: offers('122.1'), applied: [applied('121.1')] },
      },
      'wait-for-idle',
    ],
    [
      "not beside somebody else's",
      { run: proven('121.1'), kernel: stranger, ...due('121.1') },
      'fail: kernel-refused',
    ],
  ]);

  it('tells what the error kept out, and by whom', () => {
    const action = decide(situation({ run: proven('121.1'), kernel: stranger, ...due('121.1') }));
    expect(action).toMatchObject({
      patch: { version: '121.1' },
      error: { message: 'a live patch that is not ours is in the kernel: kpatch_x' },
    });
  });

  it('tells what is held back, the newest first, and takes the newest that is not', () => {
    const releases = advice([
      candidate('123.1', { releasedAt: '2026-11-21T00:00:00Z' }),
      candidate('122.1', { releasedAt: '2026-11-11T00:00:00Z' }),
      candidate('121.1', { releasedAt: '2026-11-01T00:00:00Z' }),
    ]);
    const delayed = { config: { patchDelay: 14 * DAY }, state: { advice: releases } };
    expect(tell(decide(situation({ run: CHECKED, ...delayed })))).toBe('fetch patch 121.1');
    const action = decide(
      situation({
        run: { ...CHECKED, applied: [applied('121.1')] },
        inUse: ['121.1'],
        ...delayed,
        state: { ...delayed.state, applied: [applied('121.1')] },
      }),
    );
    expect(action).toMatchObject({
      do: 'done',
      result: { kind: 'applied' },
      held: [
        { version: '123.1', why: 'patch-delay', missed: ['CVE-2026-0001'] },
        { version: '122.1', why: 'patch-delay' },
      ],
    });
  });
});

describe('what this kernel had', () => {
  table([
    [
      'comes back when what is newer cannot be had',
      {
        before: ['121.1'],
        run: failedRun('122.1'),
        state: { advice: offers('122.1', '121.1'), applied: [applied('121.1', { bootId: 'before' })] },
      },
      'prove 121.1',
    ],
    [
      'and then the run fails all the same',
      {
        inUse: ['121.1'],
        run: failedRun('122.1'),
        state: { advice: offers('122.1'), applied: [applied('121.1')] },
      },
      'fail: network',
    ],
    ['comes back at boot, before anybody is asked', { goal: AT_BOOT, before: ['121.1'] }, 'prove 121.1'],
    [
      'comes back at boot: begun',
      { goal: AT_BOOT, before: ['121.1'], run: { proven: [patch('121.1')] } },
      'begin-insertion of 121.1, try 1',
    ],
    [
      'comes back with a refresh, if nothing newer is due',
      {
        before: ['121.1'],
        run: CHECKED,
        state: { advice: offers(), applied: [applied('121.1', { bootId: 'before' })] },
      },
      'prove 121.1',
    ],
    [
      'comes back though the check failed, as where the boot service could not',
      { before: ['121.1'], run: { check: 'failed' } },
      'prove 121.1',
    ],
    [
      'comes back though no check is due',
      {
        goal: BY_TIMER,
        before: ['121.1'],
        config: { checkInterval: DAY },
        state: { ...RECENT, advice: offers(), applied: [applied('121.1', { bootId: 'before' })] },
      },
      'prove 121.1',
    ],
    [
      'gives way to what is newer',
      {
        before: ['121.1'],
        run: CHECKED,
        state: { advice: offers('122.1', '121.1'), applied: [applied('121.1', { bootId: 'before' })] },
      },
      'fetch patch 122.1',
    ],
    [
      'comes back, newer than the cutoff-date',
      {
        goal: AT_BOOT,
        before: ['121.1'],
        config: { cutoffDate: '2020-01-01T00:00:00Z', patchDelay: 9999 * DAY },
      },
      'prove 121.1',
    ],
    [
      'does not come back once withdrawn',
      {
        goal: AT_BOOT,
        before: ['121.1'],
        state: {
          ...RECENT,
          applied: [applied('121.1', { bootId: 'before' })],
          advice: { ...offers(), withdrawn: withdraws('121.1') },
        },
      },
      'done: held, withdrawn',
    ],
    [
      'does not come back after a crash',
      {
        goal: AT_BOOT,
        before: ['121.1'],
        pending: [pending('121.1', { bootId: 'before', attempt: 2 })],
        state: { ...RECENT, advice: offers('121.1'), applied: [applied('121.1', { bootId: 'before' })] },
      },
      'done: held, crashed',
    ],
    [
      'does not come back after a revert',
      {
        goal: AT_BOOT,
        payloads: [file('121.1')],
        state: { ...RECENT, advice: offers('121.1'), reverted: [patch('121.1')] },
      },
      'done: held, reverted',
    ],
    [
      'comes back after a revert when that is asked for',
      {
        goal: RETRY,
        payloads: [file('121.1')],
        run: CHECKED,
        state: { advice: offers(), reverted: [patch('121.1')] },
      },
      'prove 121.1',
    ],
    [
      'of another kernel does not come',
      {
        goal: AT_BOOT,
        payloads: [file('121.1')],
        state: {
          ...RECENT,
          advice: offers(),
          applied: [applied('121.1', { kernel: 'other', bootId: 'before' })],
        },
      },
      'done: kept, nothing-offered',
    ],
    ['comes oldest first', { goal: AT_BOOT, before: ['126.1', '127.1'] }, 'prove 126.1'],
    [
      'comes one after the other',
      {
        goal: AT_BOOT,
        inUse: ['126.1'],
        payloads: [file('126.1'), file('127.1')],
        state: { applied: [applied('126.1'), applied('127.1', { bootId: 'before', cumulative: false })] },
      },
      'prove 127.1',
    ],
    [
      'comes without the one that failed',
      { goal: AT_BOOT, before: ['126.1', '127.1'], run: { ...failedRun('126.1'), check: 'not-yet' } },
      'prove 127.1',
    ],
    [
      'does not come back in a mode without applying',
      {
        goal: AT_BOOT,
        before: ['121.1'],
        mode: NO_APPLY,
        state: { ...RECENT, advice: offers('121.1'), applied: [applied('121.1', { bootId: 'before' })] },
      },
      'done: kept, nothing-offered',
    ],
    [
      'is the ground of a stack',
      {
        before: ['126.1'],
        run: CHECKED,
        state: {
          advice: advice([candidate('127.1', { cumulative: false })]),
          applied: [applied('126.1', { bootId: 'before' })],
        },
      },
      'prove 126.1',
    ],
    [
      'is no ground of what replaces it',
      {
        before: ['126.1'],
        run: CHECKED,
        state: { advice: offers('127.1'), applied: [applied('126.1', { bootId: 'before' })] },
      },
      'fetch patch 127.1',
    ],
  ]);
});

describe('files of which nothing is remembered', () => {
  const payloads = [file('121.1'), file('122.1')];
  const all = { ...proven('121.1', '122.1'), check: 'not-yet' } as const;
  table([
    ['are read at boot', { goal: AT_BOOT, payloads }, 'prove any'],
    ['give the newest', { goal: AT_BOOT, payloads, run: all }, 'begin-insertion of 122.1, try 1'],
    [
      'give the newest that policy allows',
      {
        goal: AT_BOOT,
        payloads,
        run: { ...all, proven: [patch('121.1', { releasedAt: '2026-01-01T00:00:00Z' }), patch('122.1')] },
        config: { cutoffDate: '2026-06-01T00:00:00Z' },
      },
      'begin-insertion of 121.1, try 1',
    ],
    [
      'give the next when the newest failed',
      { goal: AT_BOOT, payloads, run: { ...all, failed: [candidate('122.1').digest] } },
      'begin-insertion of 121.1, try 1',
    ],
    ['give nothing that is no patch', { goal: AT_BOOT, payloads, run: { unusable: payloads } }, 'check-in'],
    [
      'are left alone after a revert',
      { goal: AT_BOOT, payloads, state: { reverted: [patch('121.1')] } },
      'check-in',
    ],
    ['are left alone by a timer', { goal: BY_TIMER, payloads }, 'check-in'],
    ['are left alone in a mode without applying', { goal: AT_BOOT, payloads, mode: NO_APPLY }, 'check-in'],
    [
      'are left alone once the newest is in',
      {
        goal: AT_BOOT,
        payloads,
        run: { ...all, begun: candidate('122.1').digest },
        pending: [pending('122.1', { trace: ['x'] })],
        kernel: { live: [live('122.1')], loaded: [loaded('122.1')] },
      },
      'adopt patch 122.1',
    ],
  ]);
});
