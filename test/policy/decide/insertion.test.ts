import { describe } from 'vitest';
import {
  applied,
  candidate,
  file,
  live,
  loaded,
  moduleOf,
  offers,
  patch,
  pending,
  withdraws,
} from '../situation.ts';
import { begun, empty, failedRun, failure, NO_APPLY, table } from './rows.ts';

describe('what is in the way', () => {
  const next = { run: begun('121.2'), pending: [pending('121.2')] };
  const state = { advice: offers('121.2'), applied: [applied('121.1')] };
  const payloads = [file('121.1')];
  const failures = [failure(`disable ${moduleOf('121')}`, undefined, 'kernel-refused')];
  const stuck = { state, run: { ...begun('121.2'), failures } };
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
    ['cannot go: what was begun is given up', { ...next, ...stuck, inUse: ['121.1'] }, 'clear-pending 121.2'],
    ['cannot go: the run ends', { ...next, ...stuck, inUse: ['121.1'], pending: [] }, 'fail: kernel-refused'],
    [
      'is gone after all, when it was given up: nothing is inserted without a record, and the one before comes back',
      { ...next, ...stuck, payloads, kernel: empty, pending: [] },
      'prove 121.1',
    ],
    [
      'is out of use and stays loaded: the next boot is not to take that for a crash',
      {
        ...next,
        ...stuck,
        kernel: { live: [], loaded: [loaded('121.2')] },
        state: { ...state, applied: [], replaced: [applied('121.2')] },
        run: { ...stuck.run, failures: [failure(`unload ${moduleOf('121')}`, undefined, 'kernel-refused')] },
      },
      'clear-pending 121.2',
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
