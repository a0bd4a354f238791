import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attemptAt, choose, objectionTo, objectionToGiven, turnOf } from '../../src/policy/choose.ts';
import type { AppliedPatch, Candidate } from '../../src/types.ts';
import {
  advice,
  applied,
  type Changes,
  candidate,
  DAY,
  live,
  loaded,
  moduleOf,
  offers,
  patch,
  pending,
  REFRESH,
  situation,
  withdraws,
} from './situation.ts';

const RETRY = { ...REFRESH, retryBlocked: true } as const;
const young = (version: string, days: number) =>
  candidate(version, { releasedAt: new Date(Date.parse('2026-11-22T12:00:00Z') - days * DAY).toISOString() });

/** `121.1` or `-`, and what is held back before it. */
function told(changes: Changes): string {
  const { chosen, held } = choose(situation(changes));
  return [chosen?.version ?? '-', ...held.map(({ version, why }) => `${version} ${why}`)].join(', ');
}

describe('of several candidates', () => {
  const three = [young('123.1', 1), young('122.1', 5), young('121.1', 20)];
  it.each<[what: string, Changes, chosen: string]>([
    ['none is there', {}, '-'],
    [
      'those of another kernel say nothing',
      { state: { advice: { ...offers('121.1'), kernel: 'other' } } },
      '-',
    ],
    ['the newest is chosen', { state: { advice: advice(three) } }, '123.1'],
    [
      'numbers decide what is newer, not letters',
      { inUse: ['122.1'], state: { advice: offers('1000.1'), applied: [applied('122.1')] } },
      '1000.1',
    ],
    [
      'the newest that is old enough is chosen',
      { config: { patchDelay: 3 * DAY }, state: { advice: advice(three) } },
      '122.1, 123.1 patch-delay',
    ],
    [
      'a delay is over to the millisecond',
      { config: { patchDelay: 5 * DAY }, state: { advice: advice(three) } },
      '122.1, 123.1 patch-delay',
    ],
    [
      'and not before',
      { config: { patchDelay: 5 * DAY + 1 }, state: { advice: advice(three) } },
      '121.1, 123.1 patch-delay, 122.1 patch-delay',
    ],
    [
      'all may be too young',
      { config: { patchDelay: 90 * DAY }, state: { advice: advice(three) } },
      '-, 123.1 patch-delay, 122.1 patch-delay, 121.1 patch-delay',
    ],
    [
      'the newest before the cutoff-date is chosen',
      { config: { cutoffDate: '2026-11-17T12:00:00Z' }, state: { advice: advice(three) } },
      '122.1, 123.1 cutoff-date',
    ],
    [
      'the cutoff-date may have another time zone',
      { config: { cutoffDate: '2026-11-17T13:00:00+01:00' }, state: { advice: advice(three) } },
      '122.1, 123.1 cutoff-date',
    ],
    [
      'a clock that is behind holds nothing back without a delay',
      { state: { advice: advice([young('123.1', -9)]) } },
      '123.1',
    ],
    [
      'a withdrawn one is passed over',
      { state: { advice: { ...advice(three), withdrawn: withdraws('123.1') } } },
      '122.1, 123.1 withdrawn',
    ],
    [
      'a withdrawn one is passed over even when a person retries',
      { goal: RETRY, state: { advice: { ...advice(three), withdrawn: withdraws('123.1') } } },
      '122.1, 123.1 withdrawn',
    ],
    [
      'one that crashed the machine is passed over',
      { pending: [pending('123.1', { bootId: 'before', attempt: 2 })], state: { advice: advice(three) } },
      '122.1, 123.1 crashed',
    ],
    [
      'one with a bug is passed over',
      { pending: [pending('123.1', { trace: ['BUG'] })], state: { advice: advice(three) } },
      '122.1, 123.1 kernel-bug',
    ],
    [
      'one in the kernel ends the list',
      {
        inUse: ['122.1'],
        config: { patchDelay: 3 * DAY },
        state: { advice: advice(three), applied: [applied('122.1')] },
      },
      '-, 123.1 patch-delay',
    ],
    [
      'one that this kernel had is chosen again',
      {
        before: ['122.1'],
        config: { patchDelay: 3 * DAY },
        state: { advice: advice(three), applied: [applied('122.1', { bootId: 'before' })] },
      },
      '122.1, 123.1 patch-delay',
    ],
    [
      'none is older than what this kernel had',
      {
        before: ['122.2'],
        state: { advice: offers('122.1', '121.1'), applied: [applied('122.2', { bootId: 'before' })] },
      },
      '-, 122.1 rollback',
    ],
    [
      'none is older than what this kernel had and a person took out',
      { state: { advice: offers('122.1', '121.1'), reverted: [patch('122.1')] } },
      '-, 122.1 reverted',
    ],
    [
      'what another kernel had says nothing',
      {
        state: {
          advice: offers('121.1'),
          applied: [applied('122.1', { kernel: 'other' })],
          reverted: [patch('123.1', { kernel: 'other' })],
        },
      },
      '121.1',
    ],
    [
      'another one of the version in use is no news',
      {
        inUse: ['122.1'],
        state: {
          advice: advice([candidate('122.1', { digest: 'f'.repeat(128) })]),
          applied: [applied('122.1')],
        },
      },
      '-, 122.1 rollback',
    ],
    [
      'a reverted one is passed over, and ends the list',
      { state: { advice: offers('122.1', '121.1'), reverted: [patch('122.1')] } },
      '-, 122.1 reverted',
    ],
    [
      'a reverted one is chosen when a person asks',
      { goal: RETRY, state: { advice: offers('122.1', '121.1'), reverted: [patch('122.1')] } },
      '122.1',
    ],
    [
      'one of another version than was reverted is chosen',
      { state: { advice: offers('123.1', '122.1'), reverted: [patch('122.1')] } },
      '123.1',
    ],
    [
      'the newest floor counts',
      { inUse: ['122.1'], state: { advice: offers('121.1'), applied: [applied('120.1'), applied('122.1')] } },
      '-, 121.1 rollback',
    ],
    [
      'a phase that has not come holds back',
      { state: { advice: advice([candidate('123.1', { phase: 0 }), candidate('122.1', { phase: 100 })]) } },
      '122.1, 123.1 phase',
    ],
    [
      'a phase does not hold back who will not wait',
      {
        goal: { ...REFRESH, skipPhase: true },
        state: { advice: advice([candidate('123.1', { phase: 0 })]) },
      },
      '123.1',
    ],
    [
      'the same name in the kernel is not the same patch',
      { inUse: ['122.1'], state: { advice: offers('122.2'), applied: [applied('122.1')] } },
      '122.2',
    ],
    [
      'what is on its way out is not in the kernel',
      {
        kernel: { live: [live('122.1', { enabled: false, inTransition: true })], loaded: [loaded('122.1')] },
        state: { advice: offers('122.1'), applied: [applied('122.1')] },
      },
      '122.1',
    ],
  ])('%s', (_what, changes, chosen) => {
    expect(told(changes)).toBe(chosen);
  });
});

describe('what a person is told of a patch that is held back', () => {
  const state = (changes: Changes['state'] = {}) => ({ state: { advice: offers('121.1'), ...changes } });
  it.each<[why: string, Changes, message: string]>([
    [
      'withdrawn',
      state({ advice: { ...offers('121.1'), withdrawn: withdraws('121.1') } }),
      'patch 121.1 was withdrawn',
    ],
    [
      'rollback',
      { inUse: ['122.1'], ...state({ applied: [applied('122.1')] }) },
      'patch 121.1 is older than 122.1, which was applied to this kernel',
    ],
    [
      'rollback',
      {
        inUse: ['121.1'],
        ...state({ advice: advice([candidate('121.1', { digest: 'f' })]), applied: [applied('121.1')] }),
      },
      'patch 121.1 is not the 121.1 that was applied to this kernel',
    ],
    [
      'cutoff-date',
      { config: { cutoffDate: '2026-11-19T00:00:00Z' }, ...state() },
      'patch 121.1 was released after the cutoff-date 2026-11-19T00:00:00Z',
    ],
    [
      'patch-delay',
      { config: { patchDelay: 10 * DAY }, ...state() },
      'patch 121.1 waits for its patch-delay until 2026-11-30T00:00:00.000Z',
    ],
    [
      'phase',
      state({ advice: advice([candidate('121.1', { phase: 0 })]) }),
      'patch 121.1 is being released in phases and has reached 0 % of machines, not yet this one',
    ],
    [
      'not-yet',
      { machine: { uptimeSeconds: 899 }, pending: [pending('121.1', { bootId: 'before' })], ...state() },
      `the machine went down while patch 121.1 was being applied; it is tried once more after 15 minutes of uptime (see locks/${moduleOf('121')}_121.1)`,
    ],
    [
      'crashed',
      { pending: [pending('121.1', { bootId: 'before', attempt: 2 })], ...state() },
      `the machine went down twice while patch 121.1 was being applied (see locks/${moduleOf('121')}_121.1)`,
    ],
    [
      'kernel-bug',
      { pending: [pending('121.1', { trace: ['x'] })], ...state() },
      `the kernel found a bug in patch 121.1 (see locks/${moduleOf('121')}_121.1)`,
    ],
    [
      'reverted',
      state({ reverted: [patch('121.1')] }),
      'patch 121.1 was taken out of the kernel by an administrator',
    ],
  ])('%s', (why, changes, message) => {
    const missed = why === 'rollback' ? [] : ['CVE-2026-0001'];
    const { releasedAt } = candidate('121.1');
    expect(choose(situation(changes)).held).toEqual([{ version: '121.1', why, message, missed, releasedAt }]);
  });

  it('is the first reason: what no setting of theirs would change', () => {
    const both = situation({
      config: { cutoffDate: '2020-01-01T00:00:00Z', patchDelay: 99 * DAY },
      pending: [pending('121.1', { trace: ['x'] })],
      state: { advice: { ...offers('121.1'), withdrawn: withdraws('121.1') }, reverted: [patch('121.1')] },
    });
    expect(objectionTo(candidate('121.1'), both)?.why).toBe('withdrawn');
    expect(objectionTo(candidate('121.1'), both, { ours: true })?.why).toBe('withdrawn');
  });

  it('says nothing of policy when this kernel had it', () => {
    const strict = situation({ config: { cutoffDate: '2020-01-01T00:00:00Z', patchDelay: 99 * DAY } });
    expect(objectionTo(candidate('121.1', { phase: 0 }), strict, { ours: true })).toBeUndefined();
  });
});

describe('what a run left behind that the machine went down with', () => {
  it.each<[what: string, Changes, why: string]>([
    [
      'one try, just booted',
      { machine: { uptimeSeconds: 899 }, pending: [pending('121.1', { bootId: 'before' })] },
      'not-yet',
    ],
    [
      'one try, clean since',
      { machine: { uptimeSeconds: 900 }, pending: [pending('121.1', { bootId: 'before' })] },
      'go 2',
    ],
    ['two tries', { pending: [pending('121.1', { bootId: 'before', attempt: 2 })] }, 'crashed'],
    [
      'two tries, and told to try',
      { goal: RETRY, pending: [pending('121.1', { bootId: 'before', attempt: 2 })] },
      'go 1',
    ],
    [
      'two tries of another version',
      { pending: [pending('122.1', { bootId: 'before', attempt: 2 })] },
      'go 1',
    ],
    [
      'two tries of other code of the version',
      {
        pending: [pending('121.1', { patch: patch('121.1', { digest: 'f' }), bootId: 'before', attempt: 2 })],
      },
      'go 1',
    ],
    [
      'two tries on another kernel',
      {
        pending: [
          pending('121.1', { patch: patch('121.1', { kernel: 'other' }), bootId: 'before', attempt: 2 }),
        ],
      },
      'go 1',
    ],
    [
      'a file that nobody can read',
      {
        pending: [
          pending('121.1', { patch: patch('121.1', { digest: '', kernel: '' }), bootId: '', attempt: 2 }),
        ],
      },
      'crashed',
    ],
    [
      'a file of another version that nobody can read',
      { pending: [pending('122.1', { patch: patch('122.1', { digest: '' }), bootId: '', attempt: 2 })] },
      'go 1',
    ],
    ['our own process died', { pending: [pending('121.1', { attempt: 2 })] }, 'go 2'],
    [
      'reverted, and being tried by a run that died',
      { state: { reverted: [patch('121.1')] }, pending: [pending('121.1')] },
      'go 1',
    ],
    [
      'reverted, another being tried',
      { state: { reverted: [patch('121.1')] }, pending: [pending('122.1')] },
      'reverted',
    ],
    [
      'reverted, and tried in another boot',
      { state: { reverted: [patch('121.1')] }, pending: [pending('121.1', { bootId: 'before' })] },
      'reverted',
    ],
    ['reverted on another kernel', { state: { reverted: [patch('121.1', { kernel: 'other' })] } }, 'go 1'],
    ['reverted, and told to try', { goal: RETRY, state: { reverted: [patch('121.1')] } }, 'go 1'],
  ])('%s', (_what, changes, expected) => {
    const s = situation(changes);
    const objection = objectionTo(candidate('121.1'), s);
    expect(objection?.why ?? `go ${attemptAt(candidate('121.1'), s)}`).toBe(expected);
  });
});

describe('a patch that an administrator names', () => {
  it.each<[what: string, Changes, why: string | undefined]>([
    ['is taken', {}, undefined],
    ['is taken though it was reverted', { state: { reverted: [patch('121.1')] } }, undefined],
    [
      'is taken whatever the cutoff-date',
      { config: { cutoffDate: '2020-01-01T00:00:00Z', patchDelay: 99 * DAY } },
      undefined,
    ],
    ['is taken again', { inUse: ['121.1'] }, undefined],
    ['is older', { inUse: ['121.2'] }, 'rollback'],
    ['is older than what was reverted', { state: { reverted: [patch('121.2')] } }, 'rollback'],
    [
      'is older than what was withdrawn',
      {
        inUse: ['121.2'],
        state: { applied: [applied('121.2')], advice: { ...offers(), withdrawn: withdraws('121.2') } },
      },
      undefined,
    ],
    ['is newer', { inUse: ['120.9'] }, undefined],
    ['was withdrawn', { state: { advice: { ...offers(), withdrawn: withdraws('121.1') } } }, 'withdrawn'],
    ['has a bug', { pending: [pending('121.1', { trace: ['x'] })] }, 'kernel-bug'],
  ])('%s', (_what, changes, why) => {
    expect(objectionToGiven(patch('121.1'), situation(changes))?.why).toBe(why);
  });
});

describe("a machine's turn", () => {
  const machines = Array.from({ length: 2000 }, (_, number) => number.toString(16).padStart(32, '0'));

  it('is always the same, and another for another patch', () => {
    expect(turnOf('a', '121.1')).toBe(turnOf('a', '121.1'));
    expect(turnOf('a', '121.1')).not.toBe(turnOf('a', '122.1'));
    expect(turnOf('a', '121.1')).not.toBe(turnOf('b', '121.1'));
  });

  it.each([1, 10, 50, 99])('lets about %i per cent in at that phase', (phase) => {
    const share = machines.filter((id) => turnOf(id, '121.1') < phase).length / machines.length;
    expect(Math.abs(share * 100 - phase)).toBeLessThan(4);
  });

  it('is before 100 and not before 0', () => {
    for (const id of machines) {
      expect(turnOf(id, '121.1')).toBeGreaterThanOrEqual(0);
      expect(turnOf(id, '121.1')).toBeLessThan(100);
    }
  });
});

/** A machine that looks at its source every day, and has what is chosen at once. */
function live365(
  releases: readonly Candidate[],
  { cutoffDate, patchDelay = 0 }: { cutoffDate?: string; patchDelay?: number },
): { now: Date; version: string | undefined }[] {
  const days: { now: Date; version: string | undefined }[] = [];
  let inUse: AppliedPatch | undefined;
  for (let day = 0; day < 365; day += 1) {
    const now = new Date(START + day * DAY);
    const named = releases.filter(({ releasedAt }) => Date.parse(releasedAt) <= now.getTime()).toReversed();
    const s = situation({
      now,
      config: { cutoffDate, patchDelay },
      kernel:
        inUse === undefined ? undefined : { live: [live(inUse.version)], loaded: [loaded(inUse.version)] },
      state: { advice: advice(named), applied: inUse === undefined ? [] : [inUse] },
    });
    const { chosen } = choose(s);
    if (chosen !== undefined) inUse = applied(chosen.version, { releasedAt: chosen.releasedAt });
    days.push({ now, version: inUse?.version });
  }
  return days;
}
const START = Date.parse('2026-01-01T00:00:00Z');
const yearOf = (every: number) =>
  Array.from({ length: Math.ceil(365 / every) }, (_, number) =>
    candidate(`${100 + number}.1`, { releasedAt: new Date(START + number * every * DAY).toISOString() }),
  );

describe('over a year', () => {
  it('a machine with a patch-delay of 14 days and a release every 10 is never further behind than that', () => {
    const releases = yearOf(10);
    for (const { now, version } of live365(releases, { patchDelay: 14 * DAY })) {
      const due = releases.findLast(({ releasedAt }) => Date.parse(releasedAt) + 14 * DAY <= now.getTime());
      expect(version).toBe(due?.version);
    }
  });

  it('no patch-delay and no rhythm of releases starves a machine, or lets one in early', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 60 }), (every, days) => {
        const releases = yearOf(every);
        for (const { now, version } of live365(releases, { patchDelay: days * DAY })) {
          const due = releases.findLast(
            ({ releasedAt }) => Date.parse(releasedAt) + days * DAY <= now.getTime(),
          );
          expect(version).toBe(due?.version);
        }
      }),
      { numRuns: 15 },
    );
  });

  it('a cutoff-date leaves the newest patch before it in place, for good', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 365 }), (every, day) => {
        const releases = yearOf(every);
        const cutoff = START + day * DAY;
        for (const { now, version } of live365(releases, { cutoffDate: new Date(cutoff).toISOString() })) {
          const due = releases.findLast(
            ({ releasedAt }) => Date.parse(releasedAt) <= Math.min(cutoff, now.getTime()),
          );
          expect(version).toBe(due?.version);
        }
      }),
      { numRuns: 15 },
    );
  });
});
