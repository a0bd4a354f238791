import { type StatusDocument, statusDocument } from '../../src/report/document.ts';
import type { Secret } from '../../src/secret.ts';
import type {
  Advice,
  AppliedPatch,
  Candidate,
  Fix,
  Hold,
  HoldReason,
  KeptCves,
  KernelState,
  LivePatch,
  Mode,
  Patch,
  State,
} from '../../src/types.ts';
import { MACHINE } from '../fakes/kernel.ts';

/** Every state that a machine can be in, as it would be remembered and seen, by the name of its golden file. */

const NOW = new Date('2026-11-22T12:00:00Z');
const OTHER_KERNEL = '6.1.0-55-amd64';
const NEWER_KERNEL = '6.1.0-57-amd64';

const fix = (name: string, patched = true): Fix => ({
  name,
  description: `About ${name}.`,
  bug: '',
  patched,
});

export function patch(version: string, more: Partial<AppliedPatch> = {}): AppliedPatch {
  const name = version.replace('.', '_');
  return {
    kernel: MACHINE.kernel,
    version,
    digest: Buffer.from(version).toString('hex').padEnd(128, '0'),
    module: `lkp_x_${name}`,
    buildId: `b1d${name.replace('_', '')}`,
    cumulative: true,
    releasedAt: '2026-11-01T00:00:00Z',
    fixes: [fix('CVE-2016-0001'), fix('CVE-2016-0002', false)],
    sha256: 'a'.repeat(64),
    appliedAt: '2026-11-22T11:00:00Z',
    transitionSeconds: 1.5,
    bootId: MACHINE.bootId,
    ...more,
  };
}

export const P121 = patch('121.1');
export const P122 = patch('122.1', { fixes: [fix('CVE-2026-0003'), fix('CVE-2026-0004')] });
const P123 = patch('123.1', { fixes: [fix('CVE-2026-0004'), fix('CVE-2026-0005')] });
const CLEAN = patch('121.1', { fixes: [fix('CVE-2016-0001')] });
const STACK = [
  patch('1.1', { cumulative: false, fixes: [fix('CVE-2016-0001')] }),
  patch('2.1', { cumulative: false, fixes: [fix('CVE-2016-0002')] }),
];
const [FIRST, SECOND] = STACK as [AppliedPatch, AppliedPatch];

export function candidate({ version, digest, module, cumulative, fixes }: Patch): Candidate {
  const releasedAt = version === '123.1' ? '2026-11-21T08:00:00Z' : '2026-11-20T08:00:00Z';
  return { version, digest, module, cumulative, releasedAt, fixes, sha256: 'b'.repeat(64), size: 1 };
}

export function hold(of: Patch, why: HoldReason, message: string): Hold {
  const missed = of.fixes.map(({ name }) => name);
  return { version: of.version, why, message, missed, releasedAt: candidate(of).releasedAt };
}

export const advice = (more: Partial<Advice> = {}): Advice => ({
  kernel: MACHINE.kernel,
  support: 'supported',
  tier: 'stable',
  candidates: [],
  withdrawn: [],
  revokedKeys: [],
  ...more,
});

const EMPTY: State = { warnings: [], applied: [], replaced: [], reverted: [], held: [] };
const GOOD_CHECK = { at: '2026-11-22T11:06:00Z' };

/** What is remembered after a check-in that was good. */
export const checked = (more: Partial<State> = {}): State => ({
  ...EMPTY,
  lastCheck: GOOD_CHECK,
  lastGoodCheck: { ...GOOD_CHECK, issuedAt: GOOD_CHECK.at },
  advice: advice(),
  ...more,
});

export function live(of: Patch, more: Partial<LivePatch & { buildId: string }> = {}): KernelState {
  const { buildId = of.buildId, ...rest } = more;
  return {
    livePatches: [{ name: of.module, enabled: true, inTransition: false, ...rest }],
    loaded: [{ name: of.module, buildId }],
  };
}

export const together = (...kernels: KernelState[]): KernelState => ({
  livePatches: kernels.flatMap(({ livePatches }) => livePatches ?? []),
  loaded: kernels.flatMap(({ loaded }) => loaded),
});

const NOTHING: KernelState = { livePatches: [], loaded: [] };
const newer = (...of: Patch[]) => advice({ candidates: [...of, P121].map(candidate) });

function failed(code: string, message: string): Scenario {
  const failure = { at: '2026-11-22T11:06:05Z', version: '122.1', code, message };
  return { state: checked({ advice: newer(P122), applied: [P121], failure }), kernel: live(P121) };
}

function held(...holds: Hold[]): Scenario {
  const of = holds.length > 1 ? newer(P123, P122) : newer(P122);
  return { state: checked({ advice: of, applied: [P121], held: holds }), kernel: live(P121) };
}

const CHECK_FAILED =
  'livepatch check failed: POST request to "https://livepatch.example/v1/client/0123456789abcdef0123456789abcdef/updates" failed';
const NOT_RENEWED =
  'livepatch check failed: the catalogue has not been renewed since 2026-11-15T04:00:00Z: its timestamp.json expired on 2026-11-22T04:00:00Z';
const CUTOFF = 'after the cutoff-date 2026-11-10T00:00:00Z';

const CVES: KeptCves = {
  digest: 'd'.repeat(64),
  kernel: MACHINE.kernel,
  timestamp: '2026-11-20T08:00:00.000Z',
  kernelPackageFixes: ['CVE-2016-0001', 'CVE-2026-0005'],
};

/** What differs from a machine that was enabled and never checked. */
export interface Scenario {
  state?: State;
  kernel?: KernelState;
  cves?: KeptCves;
  mode?: Mode;
  installed?: string[];
  stateError?: string;
}

const upgrade = (more: Partial<Advice> = {}) => advice({ support: 'kernel-upgrade-required', ...more });
const OUTDATED = { at: '2026-11-13T11:06:00Z' };

const SCENARIOS: Record<string, Scenario> = {
  'never-checked': {},
  'state-file-corrupt': { stateError: '/x/state.json cannot be understood', kernel: live(P121) },
  'nothing-due': { state: checked() },
  'covered-until-a-date': { state: checked({ advice: advice({ upgradeRequiredDate: '2027-03-19' }) }) },
  'coverage-ended': {
    state: checked({ advice: advice({ upgradeRequiredDate: '2026-11-20' }) }),
    installed: [MACHINE.release, NEWER_KERNEL],
  },
  'coverage-ended-with-a-patch-in-use': {
    state: checked({ advice: advice({ upgradeRequiredDate: '2026-11-20' }), applied: [P121] }),
    kernel: live(P121),
    installed: [MACHINE.release, NEWER_KERNEL],
  },
  'waiting-for-its-first-patch': { state: checked({ advice: advice({ candidates: [candidate(P121)] }) }) },
  'applying-the-first': {
    state: checked({ advice: advice({ candidates: [candidate(P121)] }), applied: [P121] }),
    kernel: live(P121, { inTransition: true }),
  },
  applied: { state: checked({ advice: newer(), applied: [P121] }), kernel: live(P121) },
  'applied-everything-fixed': {
    state: checked({ advice: newer(), applied: [CLEAN] }),
    kernel: live(CLEAN),
  },
  'applied-and-newer-kernel-packages': {
    state: checked({ applied: [P121] }),
    kernel: live(P121),
    cves: CVES,
    installed: [MACHINE.release, NEWER_KERNEL],
  },
  'newer-packages-of-another-kernel': { state: checked(), cves: { ...CVES, kernel: OTHER_KERNEL } },
  'newer-one-waiting': { state: checked({ advice: newer(P122), applied: [P121] }), kernel: live(P121) },
  'applying-a-newer-one': {
    state: checked({ advice: newer(P122), applied: [P121] }),
    kernel: together(live(P121), live(P122, { inTransition: true })),
  },
  stack: { state: checked({ applied: STACK }), kernel: together(live(FIRST), live(SECOND)) },
  'stack-with-one-missing': { state: checked({ applied: STACK }), kernel: live(SECOND) },
  'not-yet-applied-again-after-a-reboot': {
    state: checked({ applied: [patch('121.1', { bootId: 'boot-0' })] }),
  },
  'taken-out-by-somebody': { state: checked({ applied: [P121] }) },
  'other-code-under-the-same-name': {
    state: checked({ applied: [P121] }),
    kernel: live(P121, { buildId: 'ffff' }),
  },
  'beside-the-patch-of-somebody-else': {
    state: checked({ applied: [P121] }),
    kernel: together(live(P121), live(patch('9.9'))),
  },
  reverted: {
    state: checked({
      advice: newer(),
      reverted: [P121],
      held: [hold(P121, 'reverted', 'patch 121.1 was taken out of the kernel by an administrator')],
    }),
  },
  'withdrawn-and-in-use': {
    state: checked({ advice: advice({ withdrawn: [P121] }), applied: [P121] }),
    kernel: live(P121),
  },
  'withdrawn-before-it-was-applied': {
    state: checked({
      advice: advice({ candidates: [candidate(P122)], withdrawn: [P122] }),
      applied: [P121],
      held: [hold(P122, 'withdrawn', 'patch 122.1 was withdrawn')],
    }),
    kernel: live(P121),
  },
  'held-by-phase': held(hold(P122, 'phase', 'patch 122.1 has been released to 10 % of machines so far')),
  'kernel-bug': {
    state: checked({ applied: [{ ...P121, bug: true }] }),
    kernel: live(P121),
    installed: [MACHINE.release, NEWER_KERNEL],
  },
  'bad-signature': failed('signature', 'the module is signed by no certificate that is pinned'),
  'bad-archive': failed('archive', 'the archive holds more than 8 entries'),
  'no-certificate': failed('trust-anchors', 'there is no certificate to verify patches with'),
  'transition-stalled': failed('transition', 'the transition to lkp_x_122 did not finish'),
  'insertion-refused': failed('kernel-refused', 'the kernel refuses to insert the module'),
  crashed: held(hold(P122, 'crashed', 'the machine went down twice while patch 122.1 was being applied')),
  'crashed-and-a-newer-kernel-installed': {
    ...held(hold(P122, 'crashed', 'the machine went down twice while patch 122.1 was being applied')),
    installed: [MACHINE.release, NEWER_KERNEL],
  },
  'blocked-by-cutoff-date': held(hold(P122, 'cutoff-date', `patch 122.1 was released ${CUTOFF}`)),
  'several-blocked': held(
    hold(P123, 'patch-delay', 'patch 123.1 waits for its patch-delay until 2026-11-28T08:00:00.000Z'),
    hold(P122, 'cutoff-date', `patch 122.1 was released ${CUTOFF}`),
  ),
  'blocked-with-none-in-use': {
    state: checked({
      advice: advice({ candidates: [candidate(P122)] }),
      held: [hold(P122, 'cutoff-date', `patch 122.1 was released ${CUTOFF}`)],
    }),
  },
  'kill-switch': {
    ...held(
      hold(
        P122,
        'mode',
        'canonical_livepatch_mode, set in the kernel command line, forbids to apply anything',
      ),
    ),
    mode: { contact: false, apply: false, sources: ['the kernel command line'] },
  },
  'upgrade-required-with-a-patch-in-use': {
    state: checked({ advice: upgrade(), applied: [P121] }),
    kernel: live(P121),
    installed: [MACHINE.release, NEWER_KERNEL],
  },
  'upgrade-required': { state: checked({ advice: upgrade() }), installed: [MACHINE.release, NEWER_KERNEL] },
  'upgrade-required-and-no-newer-kernel': {
    state: checked({ advice: upgrade() }),
    installed: [OTHER_KERNEL, MACHINE.release],
  },
  'end-of-life': {
    state: checked({ advice: advice({ support: 'kernel-end-of-life' }) }),
    installed: [MACHINE.release, NEWER_KERNEL],
  },
  'not-covered': { state: checked({ advice: advice({ support: 'unsupported' }) }) },
  'upgraded-after-a-reboot': {
    state: checked({
      advice: upgrade({ kernel: OTHER_KERNEL }),
      held: [hold(P122, 'crashed', 'the machine went down twice while patch 122.1 was being applied')],
    }),
  },
  'check-failed': {
    state: checked({
      applied: [P121],
      lastCheck: { ...GOOD_CHECK, error: CHECK_FAILED },
      lastGoodCheck: { at: '2026-11-22T08:06:00Z' },
    }),
    kernel: live(P121),
  },
  'catalogue-up-to-date': {
    state: checked({
      applied: [CLEAN],
      lastGoodCheck: {
        ...GOOD_CHECK,
        freshness: { renewedAt: '2026-11-20T04:00:00Z', expiresAt: '2026-11-27T04:00:00Z' },
      },
    }),
    kernel: live(CLEAN),
  },
  'catalogue-not-renewed': {
    state: checked({
      applied: [CLEAN],
      lastCheck: { ...GOOD_CHECK, error: NOT_RENEWED },
      lastGoodCheck: {
        at: '2026-11-22T03:06:00Z',
        freshness: { renewedAt: '2026-11-15T04:00:00Z', expiresAt: '2026-11-22T04:00:00Z' },
      },
    }),
    kernel: live(CLEAN),
  },
  'catalogue-expired-meanwhile': {
    state: checked({
      applied: [CLEAN],
      lastGoodCheck: { ...GOOD_CHECK, freshness: { expiresAt: '2026-11-22T11:30:00Z' } },
    }),
    kernel: live(CLEAN),
    mode: { contact: false, apply: true, sources: ['the kernel command line'] },
  },
  outdated: {
    state: checked({ applied: [CLEAN], lastCheck: OUTDATED, lastGoodCheck: OUTDATED }),
    kernel: live(CLEAN),
  },
};

export const NAMES = Object.keys(SCENARIOS);
const NORMAL: Mode = { contact: true, apply: true, sources: [] };

export function scenario(name: string, machineToken?: Secret): StatusDocument {
  return documentOf(SCENARIOS[name] as Scenario, machineToken);
}

export function documentOf(of: Scenario, machineToken?: Secret): StatusDocument {
  return statusDocument({
    clientVersion: '1.2.3',
    machine: MACHINE,
    mode: of.mode ?? NORMAL,
    kernel: of.kernel ?? NOTHING,
    state: of.state ?? EMPTY,
    stateError: of.stateError,
    cves: of.cves,
    installedKernels: of.installed ?? [MACHINE.release],
    machineToken,
    now: NOW,
  });
}
