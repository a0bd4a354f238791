import { describe, expect, it } from 'vitest';
import { decide, type Situation } from '../../src/policy/choose.ts';
import type { AppliedPatch, PendingInsertion } from '../../src/types.ts';

const KERNEL = '6.1.0-56-amd64';
const fixes = [
  { name: 'CVE-2026-0001', description: '', bug: '', patched: true },
  { name: 'CVE-2026-0002', description: '', bug: '', patched: false },
];
const applied = (changes: Partial<AppliedPatch> = {}): AppliedPatch => ({
  version: '121.1',
  module: 'lkp_x_121',
  kernel: KERNEL,
  sha256: '',
  releasedAt: '2026-11-01T00:00:00Z',
  fixes,
  appliedAt: '2026-11-02T00:00:00Z',
  bootId: 'now',
  ...changes,
});
const lock = (changes: Partial<PendingInsertion> = {}): PendingInsertion => ({
  module: 'lkp_x_121',
  version: '121.1',
  kernel: KERNEL,
  bootId: 'before',
  at: '2026-11-22T06:00:00Z',
  attempt: 2,
  ...changes,
});
const holds = { name: 'lkp_x_121', enabled: true, inTransition: false };

const situation = (changes: Partial<Situation>): Situation => ({
  candidate: { version: '121.1', releasedAt: '2026-11-20T00:00:00Z', fixes },
  machine: { kernel: KERNEL, bootId: 'now', uptimeSeconds: 100 },
  livePatches: [],
  applied: undefined,
  reverted: undefined,
  blocklist: undefined,
  overTls: true,
  locks: [],
  config: { cutoffDate: undefined, patchDelay: 0 },
  retryBlocked: false,
  cleanSeconds: 900,
  now: new Date('2026-11-22T00:00:00Z'),
  ...changes,
});
const newer = { version: '122.1', releasedAt: '2026-11-20T00:00:00Z', fixes };
const older = { version: '120.9', releasedAt: '2026-11-20T00:00:00Z', fixes };
const inKernel = { applied: applied(), livePatches: [holds] };

describe('what is due', () => {
  it.each<[string, Partial<Situation>, string]>([
    ['nothing offered', { candidate: undefined }, 'nothing-offered'],
    ['a patch', {}, 'apply 1'],
    ['the patch that stands', inKernel, 'already-applied'],
    ['the patch of before the boot', { applied: applied({ bootId: 'before' }) }, 'apply 1'],
    ['the patch that somebody took out', { applied: applied() }, 'apply 1'],
    [
      'the patch of before the boot, though one of its name is there',
      { ...inKernel, applied: applied({ bootId: 'before' }) },
      'apply 1',
    ],
    [
      'the patch that another took the place of',
      { applied: applied(), livePatches: [{ ...holds, name: 'other' }] },
      'apply 1',
    ],
    ['the patch that is disabled', { ...inKernel, livePatches: [{ ...holds, enabled: false }] }, 'apply 1'],
    ['the patch in transition', { ...inKernel, livePatches: [{ ...holds, inTransition: true }] }, 'apply 1'],
    [
      'the patch that nobody watched to the end, for that run was killed',
      { ...inKernel, locks: [lock({ bootId: 'now', attempt: 2 })] },
      'apply 2',
    ],
    [
      'the patch that stands, beside another that nobody watched to the end',
      { ...inKernel, locks: [lock({ module: 'lkp_x_122', version: '122.1', bootId: 'now' })] },
      'already-applied',
    ],
    ['the patch that stands, after a crash', { ...inKernel, locks: [lock()] }, 'already-applied'],
    ['a newer one', { ...inKernel, candidate: newer }, 'apply 1'],

    ['an older one', { ...inKernel, candidate: older }, 'rollback'],
    ['an older one after a reboot', { applied: applied({ bootId: 'before' }), candidate: older }, 'rollback'],
    [
      'an older one on another kernel',
      { applied: applied({ kernel: '6.1.0-55-amd64' }), candidate: older },
      'apply 1',
    ],
    [
      'an older one, the newer taken back',
      { ...inKernel, candidate: older, blocklist: { patches: ['121.1'] } },
      'apply 1',
    ],
    [
      'an older one, the newer taken back by who knows whom',
      { ...inKernel, candidate: older, blocklist: { patches: ['121.1'] }, overTls: false },
      'rollback',
    ],
    [
      'a number, not a text, decides what is newer',
      { ...inKernel, candidate: { ...newer, version: '1000.1' } },
      'apply 1',
    ],

    ['a patch that was taken back', { blocklist: { patches: ['121.1'] } }, 'blocklisted'],
    ['another that was taken back', { blocklist: { patches: ['120.1'] } }, 'apply 1'],
    [
      'released before the cutoff',
      { config: { cutoffDate: '2026-11-20T00:00:00Z', patchDelay: 0 } },
      'apply 1',
    ],
    [
      'released after the cutoff',
      { config: { cutoffDate: '2026-11-19T23:59:59Z', patchDelay: 0 } },
      'cutoff-date',
    ],
    [
      'a cutoff in another time zone',
      { config: { cutoffDate: '2026-11-20T01:00:00+01:00', patchDelay: 0 } },
      'apply 1',
    ],
    ['of tomorrow, no delay', { candidate: { ...newer, releasedAt: '2026-11-23T00:00:00Z' } }, 'apply 1'],
    ['two days old, delay of two', { config: { cutoffDate: undefined, patchDelay: 172_800_000 } }, 'apply 1'],
    [
      'two days old, delay of more',
      { config: { cutoffDate: undefined, patchDelay: 172_800_001 } },
      'patch-delay',
    ],

    ['crashed once, just booted', { locks: [lock({ attempt: 1 })] }, 'not-yet'],
    [
      'crashed once, clean since',
      { locks: [lock({ attempt: 1 })], machine: { kernel: KERNEL, bootId: 'now', uptimeSeconds: 900 } },
      'apply 2',
    ],
    ['crashed twice', { locks: [lock()] }, 'crashed'],
    ['crashed twice, another version', { locks: [lock()], candidate: newer }, 'apply 1'],
    ['crashed twice on another kernel', { locks: [lock({ kernel: '6.1.0-55-amd64' })] }, 'apply 1'],
    ['a lock that nobody can read', { locks: [lock({ kernel: '', bootId: '', attempt: 1 })] }, 'not-yet'],
    ['crashed twice, and told to try', { locks: [lock()], retryBlocked: true }, 'apply 1'],
    ['a kernel bug', { locks: [lock({ bootId: 'now', trace: ['BUG'] })] }, 'kernel-bug'],
    ['reverted', { reverted: '121.1' }, 'reverted'],
    ['reverted, and a newer one', { reverted: '121.1', candidate: newer }, 'apply 1'],
    ['reverted, and told to try', { reverted: '121.1', retryBlocked: true }, 'apply 1'],
    [
      'reverted, and being tried by a run that died',
      { reverted: '121.1', locks: [lock({ bootId: 'now', attempt: 1 })] },
      'apply 1',
    ],
    [
      'reverted, while another one was being tried',
      { reverted: '121.1', locks: [lock({ bootId: 'now', attempt: 1, version: '122.1' })] },
      'reverted',
    ],
    [
      'reverted after a crash that is long over',
      {
        reverted: '121.1',
        locks: [lock({ attempt: 1 })],
        machine: { kernel: KERNEL, bootId: 'now', uptimeSeconds: 900 },
      },
      'reverted',
    ],
    ['taken back, and told to try', { blocklist: { patches: ['121.1'] }, retryBlocked: true }, 'blocklisted'],
  ])('%s', (_what, changes, expected) => {
    const decision = decide(situation(changes));
    const told = {
      apply: () => `apply ${'attempt' in decision && decision.attempt}`,
      keep: () => 'why' in decision && decision.why,
      hold: () => 'hold' in decision && decision.hold.why,
    };
    expect(told[decision.action]()).toBe(expected);
  });

  it.each<[string, Partial<Situation>, string]>([
    ['blocklisted', { blocklist: { patches: ['121.1'] } }, 'the server has taken patch 121.1 back'],
    [
      'rollback',
      { ...inKernel, candidate: older },
      'patch 120.9 is older than 121.1, which was applied to this kernel',
    ],
    [
      'cutoff-date',
      { config: { cutoffDate: '2026-11-19T00:00:00Z', patchDelay: 0 } },
      'patch 121.1 was released after the cutoff-date 2026-11-19T00:00:00Z',
    ],
    [
      'patch-delay',
      { config: { cutoffDate: undefined, patchDelay: 172_800_001 } },
      'patch 121.1 waits for its patch-delay until 2026-11-22T00:00:00.001Z',
    ],
    [
      'not-yet',
      { locks: [lock({ attempt: 1 })] },
      'the machine went down while patch 121.1 was being applied; it is tried once more after 15 minutes of uptime (its lock is locks/lkp_x_121_121.1)',
    ],
    [
      'crashed',
      { locks: [lock()] },
      'the machine went down twice while patch 121.1 was being applied (its lock is locks/lkp_x_121_121.1)',
    ],
    [
      'kernel-bug',
      { locks: [lock({ bootId: 'now', trace: ['BUG'] })] },
      'the kernel found a bug in patch 121.1 (its lock is locks/lkp_x_121_121.1)',
    ],
    ['reverted', { reverted: '121.1' }, 'patch 121.1 was taken out of the kernel by an administrator'],
  ])('says why it is held: %s', (why, changes, message) => {
    expect(decide(situation(changes))).toMatchObject({ hold: { why, message } });
  });

  it('misses nothing by an older one: what that would fix, the newer one has fixed', () => {
    expect(decide(situation({ ...inKernel, candidate: older }))).toMatchObject({ hold: { missed: [] } });
  });

  it('takes a blocklist that is about modules for one that says nothing of patches', () => {
    const blocklist = { modules: ['0'.repeat(128)] };
    expect(decide(situation({ blocklist }))).toMatchObject({ action: 'apply' });
    expect(decide(situation({ ...inKernel, candidate: older, blocklist }))).toMatchObject({ action: 'hold' });
  });

  it('tells what is missed because of it', () => {
    const decision = decide(situation({ blocklist: { patches: ['121.1'] } }));
    expect(decision).toMatchObject({ hold: { version: '121.1', missed: ['CVE-2026-0001'] } });
  });
});
