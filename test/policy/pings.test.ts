import { describe, expect, it } from 'vitest';
import { LivepatchError } from '../../src/errors.ts';
import type { Event } from '../../src/policy/loop.ts';
import { owedNow, pingsOf, settledLater } from '../../src/policy/pings.ts';
import type { PendingPing, Ping } from '../../src/types.ts';
import { patch, pending } from './situation.ts';

const KERNEL = '6.1.0-56-amd64';
const HERE = { bootId: 'this boot' };
const at = (minutes: number, seconds = 0) => new Date(Date.UTC(2026, 10, 22, 12, minutes, seconds));
const ping = (event: Ping['event'], more: Partial<Ping> = {}): Ping => ({
  event,
  version: '121.1',
  kernel: KERNEL,
  ...more,
});
const owed = (what: Ping, bootId = HERE.bootId, due = at(0)): PendingPing => ({
  ...what,
  due: due.toISOString(),
  bootId,
});
const settled = settledLater({ version: '121.1', kernel: KERNEL }, HERE, at(0));
const settledAfter = (minutes: 1 | 5 | 15) => ping('settled', { minutes });

describe('the pings of a patch that stands', () => {
  const cases: [string, Date, due: Ping[], later: number][] = [
    ['none at once', at(0, 59), [], 3],
    ['one after a minute', at(1), [settledAfter(1)], 2],
    ['two when the second was missed', at(14, 59), [settledAfter(1), settledAfter(5)], 1],
    ['all of them, late', at(59), [settledAfter(1), settledAfter(5), settledAfter(15)], 0],
  ];
  it.each(cases)('%s', (_what, now, due, later) => {
    const told = owedNow(settled, HERE, now);
    expect(told.due).toEqual(due);
    expect(told.later).toEqual(settled.slice(settled.length - later));
  });
});

describe('what an earlier boot owes', () => {
  const cases: [string, PendingPing[], due: Ping[]][] = [
    [
      'is told as a reboot of each kind',
      settled.map((one) => ({ ...one, bootId: 'before' })),
      [1, 5, 15].map((minutes) => ping('rebooted', { of: 'settled', minutes: minutes as 1 })),
    ],
    [
      'keeps the tier and the transition',
      [owed(ping('settled', { minutes: 1, tier: 'beta', transitionSeconds: 2 }), 'before')],
      [ping('rebooted', { of: 'settled', minutes: 1, tier: 'beta', transitionSeconds: 2 })],
    ],
    [
      'stays a reboot if it was one',
      [owed(ping('rebooted', { of: 'after' }), 'before')],
      [ping('rebooted', { of: 'after' })],
    ],
    [
      'is a reboot for a patch that was about to go in',
      [owed(ping('before'), 'before')],
      [ping('rebooted', { of: 'before' })],
    ],
    [
      'is told apart by patch',
      [owed(ping('before'), 'before'), owed(ping('before', { version: '122.1' }), 'before')],
      [ping('rebooted', { of: 'before' }), ping('rebooted', { of: 'before', version: '122.1' })],
    ],
    [
      'is told apart by kernel',
      [owed(ping('before'), 'before'), owed(ping('before', { kernel: '6.1.0-57-amd64' }), 'before')],
      [ping('rebooted', { of: 'before' }), ping('rebooted', { of: 'before', kernel: '6.1.0-57-amd64' })],
    ],
    [
      'is a reboot besides an error with the same patch',
      [owed(ping('error', { code: 'transition' }), 'before'), owed(ping('before'), 'before')],
      [ping('error', { code: 'transition' }), ping('rebooted', { of: 'before' })],
    ],
    [
      'stays an error if it was one, whatever the clock says now',
      [owed(ping('error', { code: 'signature' }), 'before', at(59))],
      [ping('error', { code: 'signature' })],
    ],
    [
      'comes before what this boot has to tell',
      [owed(settledAfter(1), 'before'), owed(ping('before')), owed(ping('after'))],
      [ping('rebooted', { of: 'settled', minutes: 1 }), ping('before'), ping('after')],
    ],
  ];
  it.each(cases)('%s', (_what, list, due) => {
    expect(owedNow(list, HERE, at(0))).toEqual({ due, later: [] });
  });
});

describe('what an event says of the health of a patch', () => {
  const error = new LivepatchError('transition', 'x');
  const one = patch('121.1');
  const tells = { version: '121.1', tier: 'beta' };
  const failed = { now: [{ event: 'error', ...tells, code: 'transition' }], forget: { version: '121.1' } };
  const silent = { now: [] };
  it.each<[what: string, Event, object]>([
    [
      'about to be inserted',
      { kind: 'insertion-begun', pending: pending('121.1') },
      { now: [{ event: 'before', ...tells }], owe: '121.1' },
    ],
    [
      'inserted',
      { kind: 'inserted', patch: one },
      {
        now: [
          { event: 'after', ...tells },
          { event: 'transition', ...tells },
        ],
      },
    ],
    [
      'in use',
      { kind: 'transition-finished', patch: one, seconds: 3, live: [] },
      { now: [{ event: 'settled', ...tells, minutes: 0, transitionSeconds: 3 }], owe: '121.1' },
    ],
    [
      'in use since who knows when',
      { kind: 'transition-finished', patch: one, seconds: undefined, live: [] },
      { now: [{ event: 'settled', ...tells, minutes: 0, transitionSeconds: undefined }], owe: '121.1' },
    ],
    ['refused by us', { kind: 'refused', sha256: 'a', expected: one, error }, failed],
    ['refused, and nobody knows which', { kind: 'refused', sha256: 'a', expected: undefined, error }, silent],
    ['not fetched', { kind: 'failed', action: 'fetch', patch: one, error }, failed],
    ['some other failure', { kind: 'failed', action: 'erase', patch: undefined, error }, silent],
    ['refused by the kernel', { kind: 'insertion-refused', patch: one, error }, failed],
    ['stalled', { kind: 'transition-failed', patch: one, error }, failed],
    ['with a bug', { kind: 'bug-found', patch: one, trace: [], error }, failed],
    ['kept out at the end', { kind: 'concluded', held: [], failure: { patch: one, error } }, failed],
    ['the end', { kind: 'concluded', held: [], failure: undefined }, silent],
    ['reverted', { kind: 'disabled', module: 'm', why: 'reverted' }, { now: [], forget: 'all' }],
    ['withdrawn', { kind: 'disabled', module: 'm', why: 'withdrawn' }, { now: [], forget: 'all' }],
    ['in the way', { kind: 'disabled', module: 'm', why: 'in-the-way' }, silent],
    ['failed and out of use', { kind: 'disabled', module: 'm', why: 'failed' }, silent],
    ['proven', { kind: 'proven', patch: one }, silent],
  ])('%s', (_what, event, change) => {
    expect(pingsOf(event, 'beta')).toEqual(change);
  });
});
