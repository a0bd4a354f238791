import { describe, expect, it } from 'vitest';
import { knowsAll } from '../../../src/policy/decide.ts';
import { applied, CHECKED, type Changes, file, offers, pending, situation } from '../situation.ts';
import { empty, failure, proven, RETRY, stranger, table } from './rows.ts';

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
