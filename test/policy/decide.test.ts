import { describe, expect, it } from 'vitest';
import { LivepatchError } from '../../src/errors.ts';
import { decide, knowsAll } from '../../src/policy/decide.ts';
import { type Action, type Goal, keyOf } from '../../src/policy/loop.ts';
import {
  AT_BOOT,
  advice,
  applied,
  BY_TIMER,
  CHECKED,
  type Changes,
  candidate,
  DAY,
  file,
  live,
  loaded,
  moduleOf,
  NOW,
  offers,
  patch,
  pending,
  REFRESH,
  situation,
  withdraws,
} from './situation.ts';

/** An action in one line. */
function tell(action: Action): string {
  switch (action.do) {
    case 'done': {
      const { result } = action;
      if (result.kind === 'kept') return `done: kept, ${result.why}`;
      if (result.kind === 'applied') return `done: applied ${versionsOf(result.patches)}`;
      if (result.kind === 'held') return `done: held, ${action.held.map(({ why }) => why).join(' and ')}`;
      if (result.kind === 'reverted') return `done: reverted ${versionsOf(result.patches)}`;
      if (result.kind === 'would') return `done: would ${tell(result.action)}`;
      if (result.kind === 'enabled')
        return result.first instanceof LivepatchError
          ? `done: enabled, ${result.first.code}`
          : `done: enabled, ${result.first.kind}`;
      return `done: ${result.kind}`;
    }
    case 'fail':
      return `fail: ${action.error.code}`;
    case 'prove':
      return `prove ${action.expected?.version ?? 'any'}`;
    case 'begin-insertion':
      return `begin-insertion of ${action.patch.version}, try ${action.attempt}`;
    case 'disable':
    case 'unload':
      return `${action.do} ${action.module}, ${action.why}`;
    case 'clear-pending':
      return `clear-pending ${action.pending.patch.version}`;
    default:
      return keyOf(action);
  }
}
const versionsOf = (patches: readonly { version: string }[]) =>
  patches.map(({ version }) => version).join(', ');

const error = (code: LivepatchError['code'] = 'network') => new LivepatchError(code, code);
const failure = (action: string, version?: string, code: LivepatchError['code'] = 'network') => ({
  action,
  version,
  error: error(code),
});
/** A run in which this patch failed at something. */
const failedRun = (version: string, action = `fetch patch ${version}`) => ({
  ...CHECKED,
  failed: [candidate(version).digest],
  failures: [failure(action, version)],
});
const proven = (...versions: string[]) => ({ ...CHECKED, proven: versions.map((version) => patch(version)) });
const begun = (version: string) => ({ ...proven(version), begun: candidate(version).digest });
const ENABLE: Goal = { kind: 'enable' };
const REVERT: Goal = { kind: 'revert', all: false };
const REVERT_ALL: Goal = { kind: 'revert', all: true };
const DISABLE: Goal = { kind: 'disable', unpatch: false };
const UNPATCH: Goal = { kind: 'disable', unpatch: true };
const apply = (...files: string[]): Goal => ({ kind: 'apply', files, dryRun: false });
const RETRY: Goal = { ...REFRESH, retryBlocked: true };
const TRY: Goal = { ...REFRESH, dryRun: true };
const NO_APPLY = { apply: false };
const NO_CONTACT = { contact: false };
const STOP = { apply: false, contact: false };
const given = (...versions: string[]) => ({
  proven: versions.map((version) => patch(version, { byHand: true })),
  given: versions.map((version) => patch(version, { byHand: true })),
});
/** Checked in a moment ago, so that nothing is due by the clock. */
const RECENT = { lastGoodCheck: { at: NOW.toISOString() } };
const stranger = {
  live: [{ name: 'kpatch_x', enabled: true, inTransition: false }],
  loaded: [{ name: 'kpatch_x' }],
};
const lost = { live: [live('121.1')], loaded: [loaded('121.1')] };
const empty = { live: [], loaded: [] };

type Row = [what: string, changes: Changes, action: string];
const table = (rows: Row[]) =>
  it.each(rows)('%s', (_what, changes, action) => {
    expect(tell(decide(situation(changes)))).toBe(action);
  });

describe('before anything else', () => {
  table([
    ['a person, not enabled', { enabled: false }, 'fail: not-enabled'],
    ['a timer, not enabled', { enabled: false, goal: BY_TIMER }, 'done: kept, not-enabled'],
    ['a boot, not enabled', { enabled: false, goal: AT_BOOT }, 'done: kept, not-enabled'],
    [
      'a boot, not enabled, with a patch by hand',
      { enabled: false, goal: AT_BOOT, before: ['121.1'] },
      'prove 121.1',
    ],
    [
      'a timer, not enabled, with a patch by hand',
      { enabled: false, goal: BY_TIMER, before: ['121.1'] },
      'done: kept, not-enabled',
    ],
    [
      'a boot, not enabled, with a patch of another kernel',
      { enabled: false, goal: AT_BOOT, state: { applied: [applied('121.1', { kernel: 'other' })] } },
      'done: kept, not-enabled',
    ],
    [
      'a boot, not enabled, once the patch by hand is back',
      { enabled: false, goal: AT_BOOT, inUse: ['121.1'] },
      'done: kept, already-applied',
    ],
    ['stopped', { mode: STOP }, 'done: kept, mode'],
    ['stopped, not enabled', { mode: STOP, enabled: false }, 'done: kept, mode'],
    ['stopped, the configuration broken', { mode: STOP, config: error('config') }, 'done: kept, mode'],
    ['the configuration broken', { config: error('config') }, 'fail: config'],
    ['the token broken', { tokenError: error('storage') }, 'fail: storage'],
    ['enable, enabled already', { goal: ENABLE }, 'fail: already-enabled'],
    ['enable, enabled already and stopped', { goal: ENABLE, mode: STOP }, 'fail: already-enabled'],
    ['enable, contact forbidden', { goal: ENABLE, enabled: false, mode: NO_CONTACT }, 'fail: config'],
    [
      'enable, the configuration broken',
      { goal: ENABLE, enabled: false, config: error('usage') },
      'fail: usage',
    ],
    ['apply, applying forbidden', { goal: apply('a'), mode: NO_APPLY }, 'fail: config'],
    ['apply, contact forbidden', { goal: apply('a'), mode: NO_CONTACT }, 'take in a'],
    ['apply, the configuration broken', { goal: apply('a'), config: error('usage') }, 'fail: usage'],
    ['apply, not enabled', { goal: apply('a'), enabled: false }, 'take in a'],
  ]);

  it('names what sets the mode', () => {
    const action = decide(situation({ goal: apply('a'), mode: { ...NO_APPLY, sources: ['one', 'two'] } }));
    expect(action).toMatchObject({
      error: {
        message: 'canonical_livepatch_mode keeps this machine from applying anything',
        hint: 'It is set in one and two; remove it there when it is no longer wanted.',
      },
    });
    expect(decide(situation({ goal: ENABLE, enabled: false, mode: STOP }))).toMatchObject({
      error: { message: 'canonical_livepatch_mode keeps this machine from contacting the server' },
    });
  });
});

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

describe('what is in the way', () => {
  const next = { run: begun('121.2'), pending: [pending('121.2')] };
  const state = { advice: offers('121.2'), applied: [applied('121.1')] };
  const payloads = [file('121.1')];
  table([
    ['is taken out of use', { ...next, inUse: ['121.1'], state }, `disable ${moduleOf('121')}, in-the-way`],
    [
      'is unloaded when it is out of use',
      { ...next, payloads, kernel: { live: [], loaded: [loaded('121.1')] }, state },
      `unload ${moduleOf('121')}, in-the-way`,
    ],
    [
      'is unloaded when it is held, disabled',
      {
        ...next,
        payloads,
        kernel: { live: [live('121.1', { enabled: false })], loaded: [loaded('121.1')] },
        state,
      },
      `unload ${moduleOf('121')}, in-the-way`,
    ],
    [
      'is gone',
      { ...next, payloads, kernel: empty, state: { advice: offers('121.2'), displaced: applied('121.1') } },
      'insert patch 121.2',
    ],
    [
      'cannot go: the run ends',
      {
        ...next,
        inUse: ['121.1'],
        state,
        run: {
          ...begun('121.2'),
          failures: [failure(`disable ${moduleOf('121')}`, undefined, 'kernel-refused')],
        },
      },
      'fail: kernel-refused',
    ],
    [
      'comes back when the new one failed',
      {
        payloads,
        kernel: empty,
        state: { advice: offers('121.2'), displaced: applied('121.1') },
        run: failedRun('121.2', 'insert patch 121.2'),
      },
      'prove 121.1',
    ],
    [
      'comes back when the new one failed: begun',
      {
        payloads,
        kernel: empty,
        state: { advice: offers('121.2'), displaced: applied('121.1') },
        run: { ...failedRun('121.2', 'insert patch 121.2'), proven: [patch('121.1')] },
      },
      'begin-insertion of 121.1, try 1',
    ],
    [
      'comes back when the new one failed: inserted',
      {
        payloads,
        kernel: empty,
        pending: [pending('121.1')],
        state: { advice: offers('121.2'), displaced: applied('121.1') },
        run: {
          ...failedRun('121.2', 'insert patch 121.2'),
          proven: [patch('121.1')],
          begun: candidate('121.1').digest,
        },
      },
      'insert patch 121.1',
    ],
    [
      'does not come back in a mode without applying',
      {
        mode: NO_APPLY,
        payloads,
        kernel: empty,
        state: { advice: offers('121.2'), displaced: applied('121.1') },
        run: failedRun('121.2'),
      },
      'fail: network',
    ],
    [
      'does not come back without its file',
      {
        payloads: [],
        kernel: empty,
        state: { advice: offers('121.2'), displaced: applied('121.1') },
        run: failedRun('121.2'),
      },
      'fail: network',
    ],
    [
      'does not come back when it failed, too',
      {
        payloads,
        kernel: empty,
        state: { advice: offers('121.2'), displaced: applied('121.1') },
        run: { ...failedRun('121.2'), failed: [candidate('121.2').digest, candidate('121.1').digest] },
      },
      'fail: network',
    ],
    [
      'does not come back when it was withdrawn',
      {
        payloads,
        kernel: empty,
        state: { advice: { ...offers('121.2'), withdrawn: withdraws('121.1') }, displaced: applied('121.1') },
        run: failedRun('121.2'),
      },
      'fail: network',
    ],
  ]);
});

describe('what was begun in this boot', () => {
  const known = { applied: [applied('121.1')], advice: offers('121.1') };
  table([
    ['and never came in is cleared', { pending: [pending('122.1')] }, 'clear-pending 122.1'],
    [
      'by this run and failed is cleared',
      { pending: [pending('122.1')], run: { ...failedRun('122.1'), begun: candidate('122.1').digest } },
      'clear-pending 122.1',
    ],
    [
      'is waited for',
      {
        pending: [pending('121.1')],
        kernel: { live: [live('121.1', { inTransition: true })], loaded: [loaded('121.1')] },
      },
      'wait-for-transition patch 121.1',
    ],
    ['is written down', { pending: [pending('121.1')], kernel: lost }, 'wait-for-transition patch 121.1'],
    ['is watched', { pending: [pending('121.1')], inUse: ['121.1'], state: known }, 'watch patch 121.1'],
    [
      'after what it replaced is unloaded',
      {
        pending: [pending('122.1')],
        inUse: ['122.1'],
        kernel: { live: [live('122.1')], loaded: [loaded('121.1'), loaded('122.1')] },
        state: { applied: [applied('122.1')], replaced: [applied('121.1')] },
      },
      `unload ${moduleOf('121')}, replaced`,
    ],
    [
      'even if that one is stuck',
      {
        pending: [pending('122.1')],
        inUse: ['122.1'],
        kernel: { live: [live('122.1')], loaded: [loaded('121.1'), loaded('122.1')] },
        state: { applied: [applied('122.1')], replaced: [applied('121.1')] },
        run: { stuck: [moduleOf('121')] },
      },
      'watch patch 122.1',
    ],
    [
      'is watched though the cutoff-date forbids it',
      { pending: [pending('121.1')], inUse: ['121.1'], config: { cutoffDate: '2020-01-01T00:00:00Z' } },
      'watch patch 121.1',
    ],
    [
      'is watched in a mode that lets nothing be applied',
      { pending: [pending('121.1')], inUse: ['121.1'], mode: NO_APPLY },
      'watch patch 121.1',
    ],
    [
      'is watched by a timer that is not due',
      { pending: [pending('121.1')], inUse: ['121.1'], goal: BY_TIMER, state: { ...known, ...RECENT } },
      'watch patch 121.1',
    ],
    [
      'is watched before a person applies a file',
      { pending: [pending('121.1')], inUse: ['121.1'], goal: apply('a') },
      'watch patch 121.1',
    ],
    [
      'and failed goes',
      {
        pending: [pending('121.1')],
        inUse: ['121.1'],
        run: failedRun('121.1', 'wait-for-transition patch 121.1'),
      },
      `disable ${moduleOf('121')}, failed`,
    ],
    [
      'and failed and is out of use goes',
      {
        pending: [pending('121.1')],
        kernel: { live: [], loaded: [loaded('121.1')] },
        run: failedRun('121.1', 'wait-for-transition patch 121.1'),
      },
      `unload ${moduleOf('121')}, failed`,
    ],
    [
      'and is on its way out goes',
      {
        pending: [pending('121.1')],
        kernel: { live: [live('121.1', { enabled: false, inTransition: true })], loaded: [loaded('121.1')] },
      },
      'wait-for-idle',
    ],
    [
      'and is out of use goes',
      {
        pending: [pending('121.1')],
        kernel: { live: [live('121.1', { enabled: false })], loaded: [loaded('121.1')] },
      },
      `unload ${moduleOf('121')}, failed`,
    ],
    ['in another boot is none of it', { pending: [pending('122.1', { bootId: 'before' })] }, 'check-in'],
    [
      'with a bug is none of it',
      { pending: [pending('121.1', { trace: ['BUG'] })], inUse: ['121.1'], run: CHECKED },
      'done: kept, already-applied',
    ],
  ]);
});

describe('what nothing remembered explains', () => {
  const unknown = { kernel: lost } as const;
  table([
    ['is looked for among the files', { ...unknown, payloads: [file('121.1'), file('122.1')] }, 'prove any'],
    ['is known by a proven file', { ...unknown, run: proven('121.1') }, 'adopt patch 121.1'],
    [
      'is not known by its name alone',
      {
        kernel: { live: [live('121.1')], loaded: [{ name: moduleOf('121') }] },
        run: proven('121.1'),
        payloads: [file('121.1')],
      },
      'done: kept, nothing-offered',
    ],
    [
      'is not known by a file without a build id',
      {
        ...unknown,
        run: { ...CHECKED, proven: [patch('121.1', { buildId: undefined })] },
        payloads: [file('121.1')],
      },
      'done: kept, nothing-offered',
    ],
    ['is not known by another build', { ...unknown, run: proven('121.2') }, 'done: kept, nothing-offered'],
    [
      'is not looked for twice',
      { ...unknown, payloads: [file('122.1')], run: { ...CHECKED, unusable: [file('122.1')] } },
      'done: kept, nothing-offered',
    ],
    [
      'is asked the source for, after the check',
      { ...unknown, run: CHECKED, state: { advice: offers('122.1', '121.1') } },
      'fetch patch 121.1',
    ],
    ['is not asked for before the check', { ...unknown, state: { advice: offers('121.1') } }, 'check-in'],
    [
      'is not asked for twice',
      { ...unknown, run: failedRun('121.1'), state: { advice: offers('121.1') } },
      'fail: network',
    ],
    [
      'without a build id is no reason not to fetch what is due',
      {
        kernel: { live: [live('121.1')], loaded: [{ name: moduleOf('121') }] },
        run: CHECKED,
        state: { advice: offers('121.1') },
      },
      'fetch patch 121.1',
    ],
    [
      'is asked for in a dry run only in words',
      { ...unknown, goal: TRY, run: CHECKED, state: { advice: offers('121.1') } },
      'done: would fetch patch 121.1',
    ],
    [
      'is known by the insertion that a bug was found in',
      { ...unknown, pending: [pending('121.1', { trace: ['BUG'] })] },
      'adopt patch 121.1',
    ],
    [
      'is left alone with a broken configuration',
      { ...unknown, goal: UNPATCH, config: error('config'), payloads: [file('121.1')] },
      'erase',
    ],
    ['is looked for before a revert', { ...unknown, goal: REVERT, payloads: [file('121.1')] }, 'prove any'],
    [
      'is looked for before disable --unpatch',
      { ...unknown, goal: UNPATCH, payloads: [file('121.1')] },
      'prove any',
    ],
    ['is left alone by disable', { ...unknown, goal: DISABLE, payloads: [file('121.1')] }, 'erase'],
  ]);
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

describe('what was withdrawn', () => {
  const state = { applied: [applied('121.1')], advice: { ...offers(), withdrawn: withdraws('121.1') } };
  const out = { inUse: ['121.1'], run: CHECKED, state, config: { revertWithdrawn: true } };
  table([
    ['stays in the kernel', { ...out, config: {} }, 'done: kept, already-applied'],
    ['goes when the configuration asks for it', out, `disable ${moduleOf('121')}, withdrawn`],
    [
      'stays when the source is not to be trusted',
      { ...out, sourceTrusted: false },
      'done: kept, already-applied',
    ],
    ['stays in a mode without applying', { ...out, mode: NO_APPLY }, 'done: kept, already-applied'],
    [
      'goes after what takes its place has come',
      { ...out, state: { ...state, advice: { ...offers('122.1'), withdrawn: withdraws('121.1') } } },
      'fetch patch 122.1',
    ],
    [
      'makes room for an older one',
      {
        inUse: ['122.1'],
        run: CHECKED,
        state: { applied: [applied('122.1')], advice: { ...offers('121.1'), withdrawn: withdraws('122.1') } },
      },
      'fetch patch 121.1',
    ],
    [
      'makes no room on the word of nobody',
      {
        inUse: ['122.1'],
        run: CHECKED,
        sourceTrusted: false,
        state: { applied: [applied('122.1')], advice: { ...offers('121.1'), withdrawn: withdraws('122.1') } },
      },
      'done: kept, already-applied',
    ],
    [
      'and is out of use is unloaded',
      {
        ...out,
        payloads: [],
        kernel: { live: [], loaded: [loaded('121.1')] },
        state: { advice: state.advice, replaced: [applied('121.1')] },
      },
      `unload ${moduleOf('121')}, withdrawn`,
    ],
  ]);
});

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

describe('a dry run', () => {
  table([
    [
      'tells a download',
      { goal: TRY, run: CHECKED, state: { advice: offers('121.1') } },
      'done: would fetch patch 121.1',
    ],
    ['checks in', { goal: TRY }, 'check-in'],
    [
      'reads a file',
      { goal: TRY, run: CHECKED, payloads: [file('121.1')], state: { advice: offers('121.1') } },
      'prove 121.1',
    ],
    [
      'tells an insertion',
      { goal: TRY, run: proven('121.1'), state: { advice: offers('121.1') } },
      'done: would begin-insertion of 121.1, try 1',
    ],
    [
      'tells what would be finished',
      { goal: TRY, pending: [pending('121.1')], inUse: ['121.1'] },
      'done: would watch patch 121.1',
    ],
    [
      'tells what would be cleared',
      { goal: TRY, pending: [pending('121.1')] },
      'done: would clear-pending 121.1',
    ],
    [
      'tells what would be waited for',
      { goal: TRY, pending: [pending('121.1')], kernel: lost },
      'done: would wait-for-transition patch 121.1',
    ],
    [
      'tells what would be taken out',
      {
        goal: TRY,
        inUse: ['121.1'],
        run: CHECKED,
        config: { revertWithdrawn: true },
        state: { applied: [applied('121.1')], advice: { ...offers(), withdrawn: withdraws('121.1') } },
      },
      `done: would disable ${moduleOf('121')}, withdrawn`,
    ],
    [
      'tells what would be unloaded',
      {
        goal: TRY,
        inUse: ['122.1'],
        run: CHECKED,
        kernel: { live: [live('122.1')], loaded: [loaded('121.1'), loaded('122.1')] },
        state: { applied: [applied('122.1')], replaced: [applied('121.1')], advice: offers('122.1') },
      },
      `done: would unload ${moduleOf('121')}, replaced`,
    ],
    ['ends as another run', { goal: TRY, inUse: ['121.1'], run: CHECKED }, 'done: kept, already-applied'],
    ['takes a file in', { goal: { kind: 'apply', files: ['a'], dryRun: true } }, 'take in a'],
    [
      'tells what would become of it',
      { goal: { kind: 'apply', files: ['a'], dryRun: true }, run: given('121.1') },
      'done: would begin-insertion of 121.1, try 1',
    ],
    [
      'waits for no other transition',
      {
        goal: TRY,
        run: proven('122.1'),
        inUse: ['121.1'],
        kernel: { live: [live('121.1', { inTransition: true })], loaded: [loaded('121.1')] },
        state: { advice: offers('122.1'), applied: [applied('121.1')] },
      },
      'done: would wait-for-idle',
    ],
  ]);
});

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

describe('revert', () => {
  const two = { inUse: ['126.1', '127.1'] };
  table([
    ['takes the newest out first', { goal: REVERT, ...two }, `disable ${moduleOf('127')}, reverted`],
    [
      'takes the one in transition out before that',
      {
        goal: REVERT,
        ...two,
        kernel: {
          live: [live('126.1', { inTransition: true }), live('127.1')],
          loaded: [loaded('126.1'), loaded('127.1')],
        },
      },
      `disable ${moduleOf('126')}, reverted`,
    ],
    [
      'waits for one that is on its way out',
      {
        goal: REVERT,
        ...two,
        kernel: {
          live: [live('126.1', { enabled: false, inTransition: true }), live('127.1')],
          loaded: [loaded('126.1'), loaded('127.1')],
        },
      },
      'wait-for-idle',
    ],
    [
      'unloads what is out of use',
      {
        goal: REVERT,
        kernel: { live: [], loaded: [loaded('121.1')] },
        state: { replaced: [applied('121.1')] },
        run: { taken: [moduleOf('121')] },
      },
      `unload ${moduleOf('121')}, reverted`,
    ],
    [
      'unloads what it has taken, whoever put it there',
      { goal: REVERT_ALL, kernel: { live: [], loaded: stranger.loaded }, run: { taken: ['kpatch_x'] } },
      'unload kpatch_x, reverted',
    ],
    ['clears what was begun', { goal: REVERT, pending: [pending('121.1')] }, 'clear-pending 121.1'],
    [
      'does not clear what is of another boot',
      { goal: REVERT, pending: [pending('121.1', { bootId: 'before' })] },
      'fail: general',
    ],
    [
      'clears what is out of use and stuck',
      {
        goal: REVERT,
        pending: [pending('121.1')],
        kernel: { live: [], loaded: [loaded('121.1')] },
        run: { taken: [moduleOf('121')], stuck: [moduleOf('121')] },
      },
      'clear-pending 121.1',
    ],
    [
      'ends',
      { goal: REVERT, kernel: empty, run: { taken: [moduleOf('121')], removed: [patch('121.1')] } },
      'done: reverted 121.1',
    ],
    [
      'ends with what stays loaded',
      {
        goal: REVERT,
        kernel: { live: [], loaded: [loaded('121.1')] },
        state: { replaced: [applied('121.1')] },
        run: { taken: [moduleOf('121')], stuck: [moduleOf('121')], removed: [patch('121.1')] },
      },
      'done: reverted 121.1',
    ],
    ['has nothing to take out', { goal: REVERT }, 'fail: general'],
    ['takes nothing that is not ours', { goal: REVERT, kernel: stranger }, 'fail: general'],
    ['takes everything with --all', { goal: REVERT_ALL, kernel: stranger }, 'disable kpatch_x, reverted'],
    [
      'takes no other module with --all',
      { goal: REVERT_ALL, kernel: { live: [], loaded: stranger.loaded } },
      'fail: general',
    ],
    [
      'fails with the kernel',
      {
        goal: REVERT,
        inUse: ['121.1'],
        run: { failures: [failure(`disable ${moduleOf('121')}`, undefined, 'transition')] },
      },
      'fail: transition',
    ],
    [
      'fails with what failed before',
      {
        goal: REVERT,
        kernel: empty,
        run: { taken: ['x'], failures: [failure('x', undefined, 'transition')] },
      },
      'fail: transition',
    ],
    [
      'works in any mode',
      { goal: REVERT, inUse: ['121.1'], mode: STOP, enabled: false },
      `disable ${moduleOf('121')}, reverted`,
    ],
    [
      'works with a broken configuration',
      { goal: REVERT, inUse: ['121.1'], config: error('config') },
      `disable ${moduleOf('121')}, reverted`,
    ],
  ]);

  it('says what is there that is not ours', () => {
    expect(decide(situation({ goal: REVERT, kernel: stranger }))).toMatchObject({
      error: {
        message: 'there is no live patch of ours in the kernel; not ours: kpatch_x',
        hint: "'sudo canonical-livepatch revert --all' takes every live patch out.",
      },
    });
  });

  it('says what stays loaded', () => {
    const run = { taken: ['a'], stuck: ['a'], removed: [] };
    expect(decide(situation({ goal: REVERT, run }))).toMatchObject({
      result: { stillLoaded: ['a'] },
      held: [],
    });
  });
});

describe('disable', () => {
  table([
    ['erases', { goal: DISABLE, inUse: ['121.1'] }, 'erase'],
    ['then tells the server', { goal: DISABLE, run: { erased: true } }, 'unregister'],
    ['then ends', { goal: DISABLE, run: { erased: true, unregistered: true } }, 'done: disabled'],
    [
      'ends when the server was not told',
      { goal: DISABLE, run: { erased: true, serverNotTold: 'why' } },
      'done: disabled',
    ],
    [
      'works with everything broken',
      {
        goal: DISABLE,
        config: error('config'),
        tokenError: error('storage'),
        mode: STOP,
        kernel: { live: undefined },
      },
      'erase',
    ],
    [
      'fails when it cannot erase',
      { goal: DISABLE, run: { failures: [failure('erase', undefined, 'storage')] } },
      'fail: storage',
    ],
    [
      'takes out what is in the kernel when asked to',
      { goal: UNPATCH, inUse: ['121.1'] },
      `disable ${moduleOf('121')}, reverted`,
    ],
    ["leaves somebody else's", { goal: UNPATCH, kernel: stranger }, 'erase'],
    [
      'fails when the kernel does not let go',
      {
        goal: UNPATCH,
        inUse: ['121.1'],
        run: { failures: [failure(`disable ${moduleOf('121')}`, undefined, 'transition')] },
      },
      'fail: transition',
    ],
    [
      'fails when the kernel is not idle',
      { goal: UNPATCH, run: { failures: [failure('wait-for-idle', undefined, 'transition')] } },
      'fail: transition',
    ],
    [
      'minds no other failure',
      { goal: UNPATCH, run: { failures: [failure('prove x', undefined, 'storage')] } },
      'erase',
    ],
  ]);

  it('tells all that a person should know', () => {
    const run = { erased: true, serverNotTold: 'no network', stuck: ['a'] };
    expect(decide(situation({ goal: DISABLE, inUse: ['121.1'], run }))).toMatchObject({
      result: {
        kind: 'disabled',
        wasEnabled: true,
        stillPatched: ['121.1'],
        stillLoaded: ['a'],
        serverNotTold: 'no network',
      },
      held: [],
    });
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
