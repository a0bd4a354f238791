import { type StatusDocument, statusDocument } from '../../src/report/document.ts';
import type { Secret } from '../../src/secret.ts';
import type { Advice, AppliedPatch, KeptCves, Offer, State } from '../../src/types.ts';
import { MACHINE } from '../fakes/kernel.ts';

/** Every state that a machine can be in, as it would be remembered, by the name of its golden file. */

const NOW = new Date('2026-11-22T12:00:00Z');

const PATCH: AppliedPatch = {
  version: '121.1',
  module: 'lkp_x_121',
  kernel: MACHINE.kernel,
  sha256: 'a'.repeat(64),
  releasedAt: '2026-11-01T00:00:00Z',
  fixes: [
    { name: 'CVE-2016-0001', description: 'A use after free.', bug: 'https://bugs.example/1', patched: true },
    { name: 'CVE-2016-0002', description: 'A race.', bug: '', patched: false },
  ],
  appliedAt: '2026-11-22T11:00:00Z',
  transitionSeconds: 1.5,
  bootId: MACHINE.bootId,
};

const OFFER: Offer = {
  version: '122.1',
  url: 'x',
  sha256: 'b'.repeat(64),
  size: 1,
  releasedAt: '2026-11-20T08:00:00Z',
  fixes: [
    { name: 'CVE-2026-0003', description: 'An overflow.', bug: '', patched: true },
    { name: 'CVE-2026-0004', description: 'A leak.', bug: '', patched: true },
  ],
};

const SUPPORTED: Advice = { support: 'supported', tier: 'stable' };

function checked(advice: Advice, more: Partial<State> = {}): State {
  return {
    lastCheck: { at: '2026-11-22T11:06:00Z' },
    lastGoodCheck: {
      at: '2026-11-22T11:06:00Z',
      serial: 7,
      issuedAt: '2026-11-22T11:06:00Z',
      kernel: MACHINE.kernel,
    },
    advice,
    ...more,
  };
}

function failed(code: string, message: string): State {
  const failure = { at: '2026-11-22T11:06:05Z', version: '122.1', code, message };
  return checked({ ...SUPPORTED, offer: OFFER }, { patch: PATCH, failure });
}

function held(why: NonNullable<State['held']>['why'], message: string): State {
  const missed = OFFER.fixes.map(({ name }) => name);
  return checked(
    { ...SUPPORTED, offer: OFFER },
    { patch: PATCH, held: { version: '122.1', why, message, missed } },
  );
}

const CHECK_FAILED =
  'livepatch check failed: POST request to "https://livepatch.example/v1/client/0123456789abcdef0123456789abcdef/updates" failed';

type InKernel = 'none' | 'held' | 'in transition';

const CVES: KeptCves = {
  digest: 'd'.repeat(64),
  kernel: MACHINE.kernel,
  timestamp: '2026-11-20T08:00:00.000Z',
  kernelPackageFixes: ['CVE-2016-0001', 'CVE-2026-0005'],
};

const SCENARIOS: Record<string, [State, InKernel, KeptCves?]> = {
  'never checked': [{}, 'none'],
  'nothing due': [checked(SUPPORTED), 'none'],
  'covered until a date': [checked({ ...SUPPORTED, upgradeRequiredDate: '2027-03-19' }), 'none'],
  'covered until a date that is over': [checked({ ...SUPPORTED, upgradeRequiredDate: '2026-11-20' }), 'none'],
  'offered and not yet applied': [checked({ ...SUPPORTED, offer: OFFER }), 'none'],
  'in transition': [checked(SUPPORTED, { patch: PATCH }), 'in transition'],
  applied: [checked(SUPPORTED, { patch: PATCH }), 'held'],
  'applied, and newer kernel packages': [checked(SUPPORTED, { patch: PATCH }), 'held', CVES],
  "newer packages of another kernel's": [checked(SUPPORTED), 'none', { ...CVES, kernel: '6.1.0-55-amd64' }],
  'taken out by somebody': [checked(SUPPORTED, { patch: PATCH }), 'none'],
  'kernel bug': [checked(SUPPORTED, { patch: { ...PATCH, bug: true } }), 'held'],
  'bad signature': [failed('signature', 'the module is signed by no certificate that is pinned'), 'held'],
  'bad archive': [failed('archive', 'the archive holds more than 8 entries'), 'held'],
  'no certificate': [failed('trust-anchors', 'there is no certificate to verify patches with'), 'held'],
  'transition stalled': [failed('transition', 'the transition to lkp_x_122 did not finish'), 'held'],
  'insertion refused': [failed('kernel-refused', 'the kernel refuses to insert the module'), 'held'],
  crashed: [held('crashed', 'the machine went down twice while patch 122.1 was being applied'), 'held'],
  'blocked by cutoff-date': [
    held('cutoff-date', 'patch 122.1 was released after the cutoff-date 2026-11-10T00:00:00Z'),
    'held',
  ],
  'blocked by patch-delay': [
    held('patch-delay', 'patch 122.1 waits for its patch-delay until 2026-11-27T08:00:00.000Z'),
    'held',
  ],
  'held by mode': [
    held('mode', 'canonical_livepatch_mode, set in the kernel command line, lets nothing be applied'),
    'held',
  ],
  'upgrade required': [
    checked(
      { support: 'kernel-upgrade-required', tier: 'stable', upgradeRequiredDate: '2026-10-01' },
      { patch: PATCH },
    ),
    'held',
  ],
  'upgrade required, no date': [checked({ support: 'kernel-upgrade-required', tier: 'stable' }), 'none'],
  'end of life': [checked({ support: 'kernel-end-of-life', tier: 'stable' }), 'none'],
  'not covered': [checked({ support: 'unsupported', tier: 'stable' }), 'none'],
  'upgraded after a reboot': [
    checked(
      { support: 'kernel-upgrade-required', tier: 'stable' },
      {
        lastGoodCheck: {
          at: '2026-11-22T05:06:00Z',
          serial: 7,
          issuedAt: '2026-11-22T05:06:00Z',
          kernel: '6.1.0-55-amd64',
        },
      },
    ),
    'none',
  ],
  'check failed': [
    checked(SUPPORTED, {
      patch: PATCH,
      lastCheck: { at: '2026-11-22T11:06:00Z', error: CHECK_FAILED },
      lastGoodCheck: { at: '2026-11-22T08:06:00Z', serial: 7, issuedAt: '2026-11-22T08:06:00Z' },
    }),
    'held',
  ],
  outdated: [
    checked(SUPPORTED, {
      patch: PATCH,
      lastCheck: { at: '2026-11-13T11:06:00Z' },
      lastGoodCheck: { at: '2026-11-13T11:06:00Z', serial: 7, issuedAt: '2026-11-13T11:06:00Z' },
    }),
    'held',
  ],
};

export const NAMES = Object.keys(SCENARIOS);

export function scenario(name: string, machineToken?: Secret): StatusDocument {
  const [state, inKernel, cves] = SCENARIOS[name] as (typeof SCENARIOS)[string];
  return statusDocument({
    clientVersion: '1.2.3',
    machine: MACHINE,
    livePatches:
      inKernel === 'none'
        ? []
        : [{ name: PATCH.module, enabled: true, inTransition: inKernel === 'in transition' }],
    state,
    others: [],
    stateError: undefined,
    cves,
    installedKernels: ['6.1.0-55-amd64', '6.1.0-56-amd64'],
    machineToken,
    now: NOW,
  });
}
