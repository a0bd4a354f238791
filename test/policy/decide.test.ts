import { describe, expect, it } from 'vitest';
import { decide } from '../../src/policy/decide.ts';
import {
  apply,
  ENABLE,
  error,
  given,
  lost,
  NO_APPLY,
  NO_CONTACT,
  proven,
  STOP,
  TRY,
  table,
} from './decide/rows.ts';
import {
  AT_BOOT,
  applied,
  BY_TIMER,
  CHECKED,
  file,
  live,
  loaded,
  moduleOf,
  offers,
  pending,
  situation,
  withdraws,
} from './situation.ts';

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
