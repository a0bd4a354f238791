import { describe, expect, it } from 'vitest';
import { LivepatchError } from '../../../src/errors.ts';
import { holdsOf, remembered } from '../../../src/policy/decide/holds.ts';
import { advice, applied, type Changes, offers, patch, REFRESH, situation, withdraws } from '../situation.ts';
import { empty, RETRY } from './rows.ts';

const NO_APPLY = { apply: false };
const earlier = (version: string, changes = {}) => applied(version, { bootId: 'before', ...changes });
/** Of which the newest is held back, and by what. */
const told = (changes: Changes) => holdsOf(situation(changes)).map(({ version, why }) => `${version} ${why}`);
const CUTOFF = { cutoffDate: '2020-01-01T00:00:00Z' };

describe('what is held back now', () => {
  it.each<[string, Changes, string[]]>([
    ['is nothing where nothing is', {}, []],
    [
      'is not known without a configuration',
      { config: new LivepatchError('config', 'broken'), state: { advice: offers('121.1') } },
      [],
    ],
    [
      'is what the source has and policy is against',
      { config: CUTOFF, state: { advice: offers('121.1') } },
      ['121.1 cutoff-date'],
    ],
    [
      'is what this kernel had and is withdrawn',
      {
        kernel: empty,
        state: { applied: [earlier('121.1')], advice: advice([], { withdrawn: withdraws('121.1') }) },
      },
      ['121.1 withdrawn'],
    ],
    [
      'is not what is in the kernel, though it is withdrawn',
      {
        inUse: ['121.1'],
        state: { applied: [applied('121.1')], advice: advice([], { withdrawn: withdraws('121.1') }) },
      },
      [],
    ],
    [
      'is not what this kernel had, whatever policy says of patches to come',
      { config: CUTOFF, kernel: empty, state: { applied: [earlier('121.1')], advice: offers() } },
      [],
    ],
    [
      'is what was reverted here',
      { state: { reverted: [patch('121.1')], advice: offers() } },
      ['121.1 reverted'],
    ],
    [
      'is what was reverted here, by that and not by the cutoff-date',
      { config: CUTOFF, state: { reverted: [patch('121.1')], advice: offers() } },
      ['121.1 reverted'],
    ],
    [
      'is not what was reverted in another kernel',
      { state: { reverted: [patch('121.1', { kernel: 'other' })], advice: offers() } },
      [],
    ],
    [
      'is not what was reverted and is in the kernel again',
      {
        inUse: ['121.1'],
        state: { reverted: [patch('121.1')], applied: [applied('121.1')], advice: offers() },
      },
      [],
    ],
    [
      'is told once, though the source names it and it was reverted',
      { state: { reverted: [patch('121.1')], advice: offers('121.1') } },
      ['121.1 reverted'],
    ],
    [
      'is what is due and proven, when the kill switch is on',
      {
        mode: NO_APPLY,
        run: { proven: [patch('122.1'), patch('121.1')] },
        state: { advice: offers('122.1', '121.1') },
      },
      ['122.1 mode'],
    ],
    [
      'is what this kernel had and is proven, when the kill switch is on',
      {
        mode: NO_APPLY,
        kernel: empty,
        run: { proven: [patch('121.1')] },
        state: { applied: [earlier('121.1')] },
      },
      ['121.1 mode'],
    ],
    [
      'is not what is proven and in the kernel',
      { mode: NO_APPLY, inUse: ['121.1'], run: { proven: [patch('121.1')] } },
      [],
    ],
    [
      'is not what is proven, without the kill switch',
      { run: { proven: [patch('121.1')] }, state: { advice: offers('121.1') } },
      [],
    ],
  ])('%s', (_what, changes, holds) => {
    expect(told(changes)).toEqual(holds);
  });
});

describe('what this kernel had', () => {
  const displaced = earlier('121.1');
  it.each<[string, Changes, string[]]>([
    ['is what was applied', { state: { applied: [earlier('121.1'), earlier('122.1')] } }, ['121.1', '122.1']],
    ['is not what another kernel had', { state: { applied: [earlier('121.1', { kernel: 'other' })] } }, []],
    ['is not what was reverted', { goal: REFRESH, state: { reverted: [patch('121.1')] } }, []],
    [
      'is what was reverted, too, when that is asked for',
      { goal: RETRY, state: { reverted: [patch('121.1')], applied: [earlier('120.1')] } },
      ['121.1', '120.1'],
    ],
    [
      'is what was displaced, when nothing of its name was applied',
      { state: { displaced, applied: [earlier('120.1')] } },
      ['121.1', '120.1'],
    ],
    [
      'is not what was displaced by another of its name',
      { state: { displaced, applied: [earlier('120.1'), earlier('121.2', { module: displaced.module })] } },
      ['120.1', '121.2'],
    ],
  ])('%s', (_what, changes, versions) => {
    expect(remembered(situation(changes)).map(({ version }) => version)).toEqual(versions);
  });
});
