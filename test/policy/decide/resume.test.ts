import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/policy/decide.ts';
import {
  applied,
  BY_TIMER,
  CHECKED,
  type Changes,
  candidate,
  file,
  live,
  loaded,
  moduleOf,
  offers,
  patch,
  pending,
  situation,
} from '../situation.ts';
import {
  apply,
  DISABLE,
  error,
  failedRun,
  lost,
  NO_APPLY,
  proven,
  RECENT,
  REVERT,
  stranger,
  TRY,
  table,
  UNPATCH,
} from './rows.ts';

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

describe('an insertion that was begun in this boot', () => {
  const two = { live: [live('120.1'), live('121.1')], loaded: [loaded('120.1'), loaded('121.1')] };
  table([
    [
      'is waited for while its transition lasts, though it is remembered',
      {
        inUse: ['121.1'],
        pending: [pending('121.1')],
        kernel: { live: [live('121.1', { inTransition: true })], loaded: [loaded('121.1')] },
      },
      'wait-for-transition patch 121.1',
    ],
    [
      'is not taken for another that is remembered',
      { pending: [pending('121.1')], kernel: two, state: { applied: [applied('120.1')] } },
      'wait-for-transition patch 121.1',
    ],
    [
      'is not taken for that of another boot',
      {
        pending: [pending('121.1')],
        kernel: two,
        state: { applied: [applied('121.1', { bootId: 'before' })] },
      },
      'wait-for-transition patch 121.1',
    ],
  ]);
});

describe('code that nothing is remembered of', () => {
  const proven121 = (changes = {}) => ({ ...CHECKED, proven: [patch('121.1', changes)] });
  const adopts = (changes: Changes) => decide(situation(changes)).do === 'adopt';
  const there = { live: [live('121.1')], loaded: [loaded('121.1')] };

  it.each<[string, boolean, Changes]>([
    ['is ours by name and build id', true, { kernel: there, run: proven121() }],
    [
      'is ours beside somebody else’s',
      true,
      {
        kernel: { live: [...stranger.live, ...there.live], loaded: [...stranger.loaded, ...there.loaded] },
        run: proven121(),
      },
    ],
    [
      'is not ours without a build id',
      false,
      {
        kernel: { ...there, loaded: [{ name: loaded('121.1').name }] },
        run: proven121({ buildId: undefined }),
      },
    ],
    ['is not ours under another name', false, { kernel: there, run: proven121({ module: 'other' }) }],
    ['is not ours with another build id', false, { kernel: there, run: proven121({ buildId: 'ab' }) }],
  ])('%s: %s', (_what, ours, changes) => {
    expect(adopts(changes)).toBe(ours);
  });
});
