import { describe, expect, it } from 'vitest';
import { decide } from '../../../src/policy/decide.ts';
import type { Hold } from '../../../src/types.ts';
import {
  applied,
  CHECKED,
  live,
  loaded,
  moduleOf,
  offers,
  patch,
  pending,
  situation,
  withdraws,
} from '../situation.ts';
import {
  DISABLE,
  empty,
  error,
  failure,
  NO_APPLY,
  REVERT,
  REVERT_ALL,
  STOP,
  stranger,
  table,
  UNPATCH,
} from './rows.ts';

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
      'unloads what it has taken, ours or not',
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

  it('tells apart what was ours, what was not, and what was out of use before', () => {
    const run = {
      removed: [patch('121.1')],
      taken: [moduleOf('121'), 'kpatch_x'],
      unloaded: [moduleOf('121'), 'kpatch_x', moduleOf('120')],
    };
    expect(decide(situation({ goal: REVERT, kernel: empty, run }))).toMatchObject({
      result: {
        patches: [{ version: '121.1' }],
        notOurs: ['kpatch_x'],
        unloaded: [moduleOf('120')],
      },
    });
    expect(decide(situation({ goal: REVERT, kernel: empty, run: { unloaded: ['a'] } }))).toMatchObject({
      result: { kind: 'reverted', patches: [], unloaded: ['a'] },
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

describe('of several, a revert takes', () => {
  const three = ['120.1', '121.1', '122.1'];
  const allLoaded = three.map(loaded);
  table([
    ['the newest first', { goal: REVERT, inUse: three }, `disable ${moduleOf('122')}, reverted`],
    [
      'the one in transition first, though it is the oldest',
      {
        goal: REVERT,
        inUse: three,
        kernel: {
          live: [live('120.1', { inTransition: true }), live('121.1'), live('122.1')],
          loaded: allLoaded,
        },
      },
      `disable ${moduleOf('120')}, reverted`,
    ],
    [
      'the one in transition before those that are only loaded',
      {
        goal: REVERT,
        inUse: three,
        kernel: { live: [live('121.1', { inTransition: true })], loaded: allLoaded },
      },
      `disable ${moduleOf('121')}, reverted`,
    ],
    [
      'the newest of those that are only loaded first',
      { goal: REVERT, inUse: three, kernel: { live: [], loaded: allLoaded } },
      `unload ${moduleOf('122')}, reverted`,
    ],
  ]);
});

describe('when the kernel does not let go', () => {
  const held: Hold[] = [
    { version: '9.9', why: 'reverted', message: 'as before', missed: [], releasedAt: '2026-01-01T00:00:00Z' },
  ];
  const refused = {
    inUse: ['121.1'],
    run: { ...CHECKED, failures: [failure(`disable ${moduleOf('121')}`, '121.1', 'kernel-refused')] },
  };
  const state = { applied: [applied('121.1')], held };

  it.each([REVERT, REVERT_ALL, UNPATCH])('%j fails, and what is held back stays remembered', (goal) => {
    expect(decide(situation({ ...refused, goal, state }))).toMatchObject({
      do: 'fail',
      error: { code: 'kernel-refused' },
      held,
    });
  });

  it('a refresh fails, and says what is held back now', () => {
    const advice = { ...offers(), withdrawn: withdraws('121.1') };
    const action = decide(
      situation({ ...refused, config: { revertWithdrawn: true }, state: { ...state, advice } }),
    );
    expect(action).toMatchObject({ do: 'fail', error: { code: 'kernel-refused' }, held: [] });
  });
});

describe('among patches and modules of others', () => {
  const others = {
    live: [live('121.1'), ...stranger.live, live('119.1', { enabled: false })],
    loaded: [loaded('121.1'), ...stranger.loaded, loaded('120.1'), loaded('119.1')],
  };
  const state = { applied: [applied('121.1')], replaced: [applied('120.1'), applied('119.1')] };

  it('disable tells which of ours are still in use', () => {
    const action = decide(
      situation({ goal: DISABLE, kernel: others, state, run: { erased: true, unregistered: true } }),
    );
    expect(action).toMatchObject({ do: 'done', result: { kind: 'disabled', stillPatched: ['121.1'] } });
  });

  table([
    [
      'what was replaced is unloaded, and nothing else',
      {
        kernel: { live: others.live.slice(0, 1), loaded: [loaded('121.1'), loaded('120.1')] },
        state,
        run: CHECKED,
      },
      `unload ${moduleOf('120')}, replaced`,
    ],
    [
      'the one that was withdrawn is taken out, and not the one below it',
      {
        inUse: ['120.1', '121.1'],
        config: { revertWithdrawn: true },
        run: CHECKED,
        state: {
          applied: [applied('120.1', { cumulative: false }), applied('121.1', { cumulative: false })],
          advice: { ...offers(), withdrawn: withdraws('121.1') },
        },
      },
      `disable ${moduleOf('121')}, withdrawn`,
    ],
  ]);
});
