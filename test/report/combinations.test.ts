import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { StatusDocument } from '../../src/report/document.ts';
import { renderSummary } from '../../src/report/humane.ts';
import { renderJson } from '../../src/report/json.ts';
import { kernelUpgradeOutput, rebootCanWait } from '../../src/report/kernel-upgrade.ts';
import { renderPrometheus } from '../../src/report/prometheus.ts';
import { UP_TO_DATE, upToDate } from '../../src/report/up-to-date.ts';
import { renderYaml } from '../../src/report/yaml.ts';
import type { Advice, State } from '../../src/types.ts';
import { MACHINE } from '../fakes/kernel.ts';
import {
  advice,
  candidate,
  checked,
  documentOf,
  hold,
  live,
  P121,
  P122,
  patch,
  type Scenario,
  together,
} from './scenarios.ts';

/** What the source says of the kernel, by the names of the columns below. */
const SUPPORT: Record<string, Partial<Advice> | undefined> = {
  unheard: undefined,
  covered: {},
  until: { upgradeRequiredDate: '2027-03-19' },
  ended: { upgradeRequiredDate: '2026-11-20' },
  vulnerable: { support: 'kernel-upgrade-required' },
  both: { support: 'kernel-upgrade-required', upgradeRequiredDate: '2026-11-20' },
  'end-of-life': { support: 'kernel-end-of-life' },
  unsupported: { support: 'unsupported' },
  unknown: { support: 'unknown' },
};

interface Situation extends Pick<Scenario, 'kernel'> {
  state?: Partial<State>;
  candidates?: (typeof P121)[];
  withdrawn?: (typeof P121)[];
}

const inUse: Situation = { state: { applied: [P121] }, kernel: live(P121) };
const withHold = (why: Parameters<typeof hold>[1], of = P122): Situation => ({
  ...inUse,
  candidates: [of],
  state: { ...inUse.state, held: [hold(of, why, 'told why')] },
});

/** What the kernel holds, what is known, and what is held back, by the names of the rows. */
const SITUATIONS: Record<string, Situation> = {
  'nothing in use, none known': {},
  'nothing in use, one waits': { candidates: [P121] },
  'nothing in use, one is held': {
    candidates: [P121],
    state: { held: [hold(P121, 'patch-delay', 'told why')] },
  },
  'nothing in use, one is withdrawn': { candidates: [P121], withdrawn: [P121] },
  'nothing in use, one was reverted': { state: { reverted: [P121] }, candidates: [P121] },
  'nothing in use, last boot had one': {
    state: { applied: [patch('121.1', { bootId: 'boot-0' })] },
  },
  'nothing in use, this boot had one': { state: { applied: [P121] } },
  'in use': inUse,
  'in use, and all that is known': { ...inUse, candidates: [P121, patch('120.1')] },
  'in use, an older one is held': withHold('rollback', patch('120.1')),
  'in use, an older one crashed': withHold('crashed', patch('120.1')),
  'in use, a newer one waits': { ...inUse, candidates: [P122, P121] },
  'in use, a newer one is held': withHold('cutoff-date'),
  'in use, a newer one is phased': withHold('phase'),
  'in use, a newer one was reverted': withHold('reverted'),
  'in use, a newer one is withdrawn': { ...withHold('withdrawn'), withdrawn: [P122] },
  'in use, a newer one crashed': withHold('crashed'),
  'in use, a newer one failed': {
    ...inUse,
    candidates: [P122],
    state: {
      ...inUse.state,
      failure: { at: '2026-11-22T11:00:00Z', version: '122.1', code: 'x', message: 'y' },
    },
  },
  'in use, a newer one in transition': {
    ...inUse,
    candidates: [P122],
    kernel: together(live(P121), live(P122, { inTransition: true })),
  },
  'in use, with a bug': { ...inUse, state: { applied: [{ ...P121, bug: true }] } },
  'being taken out': { ...inUse, kernel: live(P121, { enabled: false, inTransition: true }) },
};

/**
 * Every cell: the patch state, the exit status of kernel-upgrade-required while a newer kernel is installed, and that of
 * `status --exit-status`.
 */
const EXPECTED = `
nothing in use, none known:
  unknown 2 3                 unheard
  nothing-to-apply 1 0        covered, until
  nothing-to-apply 0 5        ended, both, end-of-life, unsupported
  kernel-upgrade-required 0 5 vulnerable
  nothing-to-apply 2 3        unknown
nothing in use, one waits:
  unknown 2 3                 unheard
  unapplied 2 2               covered, until, unknown
  unapplied 0 2               ended, vulnerable, both, end-of-life, unsupported
nothing in use, one is held:
  unapplied 2 2               unheard, covered, until, unknown
  unapplied 0 2               ended, vulnerable, both, end-of-life, unsupported
nothing in use, one is withdrawn:
  unknown 2 3                 unheard
  nothing-to-apply 1 0        covered, until
  nothing-to-apply 0 5        ended, both, end-of-life, unsupported
  kernel-upgrade-required 0 5 vulnerable
  nothing-to-apply 2 3        unknown
nothing in use, one was reverted:
  unapplied 2 2               unheard, covered, until, unknown
  unapplied 0 2               ended, vulnerable, both, end-of-life, unsupported
nothing in use, last boot had one:
  unapplied 2 2               unheard, covered, until, unknown
  unapplied 0 2               ended, vulnerable, both, end-of-life, unsupported
nothing in use, this boot had one:
  unknown 2 4                 unheard, covered, until, unknown
  unknown 0 4                 ended, vulnerable, both, end-of-life, unsupported
in use:
  applied 2 3                 unheard, unknown
  applied 1 0                 covered, until
  applied 0 5                 ended, vulnerable, both, end-of-life, unsupported
in use, and all that is known:
  applied 2 3                 unheard, unknown
  applied 1 0                 covered, until
  applied 0 5                 ended, vulnerable, both, end-of-life, unsupported
in use, an older one is held:
  applied 2 3                 unheard, unknown
  applied 1 0                 covered, until
  applied 0 5                 ended, vulnerable, both, end-of-life, unsupported
in use, an older one crashed:
  applied 2 3                 unheard, unknown
  applied 1 0                 covered, until
  applied 0 5                 ended, vulnerable, both, end-of-life, unsupported
in use, a newer one waits:
  applied 2 3                 unheard
  unapplied 2 2               covered, until, unknown
  unapplied 0 2               ended, vulnerable, both, end-of-life, unsupported
in use, a newer one is held:
  unapplied 2 2               unheard, covered, until, unknown
  unapplied 0 2               ended, vulnerable, both, end-of-life, unsupported
in use, a newer one is phased:
  unapplied 2 2               unheard, covered, until, unknown
  unapplied 0 2               ended, vulnerable, both, end-of-life, unsupported
in use, a newer one was reverted:
  unapplied 2 2               unheard, covered, until, unknown
  unapplied 0 2               ended, vulnerable, both, end-of-life, unsupported
in use, a newer one is withdrawn:
  applied 2 3                 unheard, unknown
  applied 1 0                 covered, until
  applied 0 5                 ended, vulnerable, both, end-of-life, unsupported
in use, a newer one crashed:
  apply-failed 0 4            unheard, covered, until, ended, vulnerable, both, end-of-life, unsupported, unknown
in use, a newer one failed:
  apply-failed 2 4            unheard, covered, until, unknown
  apply-failed 0 4            ended, vulnerable, both, end-of-life, unsupported
in use, a newer one in transition:
  applying 2 2                unheard, covered, until, unknown
  applying 0 2                ended, vulnerable, both, end-of-life, unsupported
in use, with a bug:
  applied-with-bug 0 4        unheard, covered, until, ended, vulnerable, both, end-of-life, unsupported, unknown
being taken out:
  applying 2 2                unheard, covered, until, unknown
  applying 0 2                ended, vulnerable, both, end-of-life, unsupported
`;

function documentIn(situation: Situation, of: Partial<Advice> | undefined, isStale = false): StatusDocument {
  const state = checked({
    ...situation.state,
    advice:
      of === undefined
        ? undefined
        : advice({
            candidates: (situation.candidates ?? []).map(candidate),
            withdrawn: situation.withdrawn ?? [],
            ...of,
          }),
  });
  const stale = { at: '2026-11-13T11:06:00Z' };
  return documentOf({
    ...(situation.kernel === undefined ? {} : { kernel: situation.kernel }),
    state: isStale ? { ...state, lastCheck: stale, lastGoodCheck: stale } : state,
    installed: [MACHINE.release, '6.1.0-57-amd64'],
  });
}

const upgradeStatus = (document: StatusDocument) =>
  kernelUpgradeOutput(document, { isTerminal: false, motd: false }).exitStatus;

function cell(document: StatusDocument): string {
  return `${document.patchState} ${upgradeStatus(document)} ${UP_TO_DATE[upToDate(document)]}`;
}

const CELLS = Object.entries(SITUATIONS).flatMap(([row, situation]) =>
  Object.entries(SUPPORT).map(([column, of]) => ({ row, column, situation, of })),
);

describe('support × patches × holds', () => {
  it('every cell is decided', () => {
    const table = Object.entries(SITUATIONS).map(([row, situation]) => {
      const cells = Object.entries(SUPPORT).map(([column, of]) => [column, cell(documentIn(situation, of))]);
      // Columns that agree stand together.
      const columns = new Map<string, string[]>();
      for (const [column, text] of cells as [string, string][])
        columns.set(text, [...(columns.get(text) ?? []), column]);
      const lines = [...columns].map(([text, names]) => `  ${text.padEnd(28)}${names.join(', ')}`);
      return [`${row}:`, ...lines].join('\n');
    });
    expect(`\n${table.join('\n')}\n`).toBe(EXPECTED);
  });

  it.each(CELLS)(
    'a stale check changes only what is said of the check ($row, $column)',
    ({ situation, of }) => {
      const fresh = documentIn(situation, of);
      const stale = documentIn(situation, of, true);
      expect(stale.checkState).toBe('needs-check');
      expect(stale.patchState).toBe(fresh.patchState);
      expect(upgradeStatus(stale)).toBe(upgradeStatus(fresh));
      expect(upToDate(stale)).toBe(upToDate(fresh) === 'up-to-date' ? 'unchecked' : upToDate(fresh));
    },
  );

  it.each(CELLS)('all ways of asking agree ($row, $column)', ({ situation, of }) => {
    const document = documentIn(situation, of);
    const [inJson] = JSON.parse(renderJson(document)).Status;
    const [inYaml] = parse(renderYaml(document)).status;
    expect([inYaml.livepatch.patchState, inYaml.supported]).toEqual([
      inJson.Livepatch.State,
      inJson.Supported,
    ]);
    const metrics = renderPrometheus(document);
    expect(metrics).toContain(`livepatch_patch_state{state="${inJson.Livepatch.State}"} 1`);
    expect(metrics).toContain(`livepatch_kernel_support{support="${inJson.Supported}"} 1`);
    const summary = renderSummary(document);
    expect(!/[✗⧗]/.test(summary)).toBe(rebootCanWait(document));
    expect(upgradeStatus(document) === 1).toBe(rebootCanWait(document));
    if (upToDate(document) === 'up-to-date') expect(rebootCanWait(document)).toBe(true);
  });

  it.each(CELLS)(
    'says why the kernel has to be upgraded, and only that ($row, $column)',
    ({ situation, of }) => {
      const document = documentIn(situation, of);
      const summary = renderSummary(document);
      const { stdout, stderr } = kernelUpgradeOutput(document, { isTerminal: false, motd: false });
      const isVulnerable = document.patchState === 'kernel-upgrade-required';
      expect(summary.includes('cannot be remediated')).toBe(isVulnerable);
      expect(summary.includes('coverage ended 2026-11-20')).toBe(document.upgradeReason === 'coverage');
      expect(summary.includes('coverage has ended')).toBe(document.upgradeReason === 'vulnerability');
      if (stdout !== undefined) {
        expect(stdout.includes('cannot be remediated')).toBe(isVulnerable);
        expect(stdout.includes('coverage ended 2026-11-20')).toBe(document.upgradeReason === 'coverage');
      }
      expect(`${stdout ?? ''}${stderr ?? ''}`).not.toContain('undefined');
    },
  );
});
