import { describe, expect, it } from 'vitest';
import { owedNow, settledLater } from '../../src/policy/pings.ts';
import type { PendingPing, Ping } from '../../src/types.ts';

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
