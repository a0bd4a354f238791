import { describe, expect, it } from 'vitest';
import { renderHumane, renderSummary } from '../../src/report/humane.ts';
import { renderJson } from '../../src/report/json.ts';
import { kernelUpgrade, rebootCanWait } from '../../src/report/kernel-upgrade.ts';
import { renderPrometheus } from '../../src/report/prometheus.ts';
import { upToDate } from '../../src/report/up-to-date.ts';
import {
  advice,
  checked,
  documentOf,
  live,
  NAMES,
  P121,
  P122,
  patch,
  scenario,
  together,
} from './scenarios.ts';

/** Of every scenario: check state, patch state, version in use, whether to reboot, whether it is up to date. */
const EXPECTED = `
never-checked                        needs-check  unknown                 -      not-enough-information unchecked
state-file-corrupt                   needs-check  unknown                 -      not-enough-information failed
nothing-due                          checked      nothing-to-apply        -      can-wait               up-to-date
covered-until-a-date                 checked      nothing-to-apply        -      can-wait               up-to-date
coverage-ended                       checked      nothing-to-apply        -      recommended            not-covered
coverage-ended-with-a-patch-in-use   checked      applied                 121.1  recommended            not-covered
waiting-for-its-first-patch          checked      unapplied               -      not-enough-information waiting
applying-the-first                   checked      applying                -      not-enough-information waiting
applied                              checked      applied                 121.1  can-wait               up-to-date
applied-everything-fixed             checked      applied                 121.1  can-wait               up-to-date
applied-and-newer-kernel-packages    checked      applied                 121.1  can-wait               up-to-date
newer-packages-of-another-kernel     checked      nothing-to-apply        -      can-wait               up-to-date
newer-one-waiting                    checked      unapplied               121.1  not-enough-information waiting
applying-a-newer-one                 checked      applying                121.1  not-enough-information waiting
stack                                checked      applied                 2.1    can-wait               up-to-date
stack-with-one-missing               checked      unknown                 2.1    not-enough-information failed
not-yet-applied-again-after-a-reboot checked      unapplied               -      not-enough-information waiting
taken-out-by-somebody                checked      unknown                 -      not-enough-information failed
other-code-under-the-same-name       checked      unknown                 -      not-enough-information failed
beside-the-patch-of-somebody-else    checked      applied                 121.1  can-wait               up-to-date
reverted                             checked      unapplied               -      not-enough-information waiting
withdrawn-and-in-use                 checked      applied                 121.1  can-wait               up-to-date
withdrawn-before-it-was-applied      checked      applied                 121.1  can-wait               up-to-date
held-by-phase                        checked      unapplied               121.1  not-enough-information waiting
kernel-bug                           checked      applied-with-bug        121.1  recommended            failed
bad-signature                        checked      apply-failed            121.1  not-enough-information failed
bad-archive                          checked      apply-failed            121.1  not-enough-information failed
no-certificate                       checked      apply-failed            121.1  not-enough-information failed
transition-stalled                   checked      apply-failed            121.1  not-enough-information failed
insertion-refused                    checked      apply-failed            121.1  not-enough-information failed
crashed                              checked      apply-failed            121.1  no-newer-kernel        failed
crashed-and-a-newer-kernel-installed checked      apply-failed            121.1  recommended            failed
blocked-by-cutoff-date               checked      unapplied               121.1  not-enough-information waiting
several-blocked                      checked      unapplied               121.1  not-enough-information waiting
blocked-with-none-in-use             checked      unapplied               -      not-enough-information waiting
kill-switch                          checked      unapplied               121.1  not-enough-information waiting
upgrade-required-with-a-patch-in-use checked      applied                 121.1  recommended            not-covered
upgrade-required                     checked      kernel-upgrade-required -      recommended            not-covered
upgrade-required-and-no-newer-kernel checked      kernel-upgrade-required -      no-newer-kernel        not-covered
end-of-life                          checked      nothing-to-apply        -      recommended            not-covered
not-covered                          checked      nothing-to-apply        -      no-newer-kernel        not-covered
upgraded-after-a-reboot              needs-check  unknown                 -      not-enough-information unchecked
check-failed                         check-failed applied                 121.1  can-wait               unchecked
catalogue-up-to-date                 checked      applied                 121.1  can-wait               up-to-date
catalogue-not-renewed                check-failed applied                 121.1  can-wait               unchecked
catalogue-expired-meanwhile          checked      applied                 121.1  can-wait               up-to-date
outdated                             needs-check  applied                 121.1  can-wait               unchecked
`;

describe('the status document', () => {
  it('tells these facts of every scenario', () => {
    const rows = NAMES.map((name) => {
      const document = scenario(name);
      return [
        name.padEnd(36),
        document.checkState.padEnd(12),
        document.patchState.padEnd(23),
        (document.version || '-').padEnd(6),
        kernelUpgrade(document).answer.padEnd(22),
        upToDate(document),
      ].join(' ');
    });
    expect(`\n${rows.join('\n')}\n`).toBe(EXPECTED);
  });

  it('says nothing of this kernel that was advised or decided for another', () => {
    expect(scenario('upgraded-after-a-reboot')).toMatchObject({
      support: 'unknown',
      upgraded: true,
      held: [],
      failure: undefined,
    });
  });

  it('takes a patch of another kernel for no patch of this one', () => {
    const other = patch('121.1', { kernel: '6.1.0-55-amd64' });
    expect(documentOf({ state: checked({ applied: [other] }) }).patchState).toBe('nothing-to-apply');
    const { advice: _, ...unheard } = checked({ reverted: [other] });
    expect(documentOf({ state: unheard }).patchState).toBe('unknown');
    expect(documentOf({ state: { ...unheard, reverted: [P121] } }).patchState).toBe('unapplied');
  });

  it('is not applying while somebody else takes out a patch of his own', () => {
    const kernel = together(live(P121), live(patch('9.9'), { enabled: false, inTransition: true }));
    expect(documentOf({ state: checked({ applied: [P121] }), kernel })).toMatchObject({
      patchState: 'applied',
      inTransition: true,
    });
  });

  it('does not forget the patch that is being replaced, in whichever list it is remembered', () => {
    const state = checked({ applied: [P122], replaced: [P121] });
    const kernel = together(live(P122, { inTransition: true }), live(P121));
    expect(documentOf({ state, kernel })).toMatchObject({ patchState: 'applying', version: '121.1' });
  });

  it('lists the module of a replaced patch that is still loaded', () => {
    const kernel = live(P122);
    kernel.loaded.push({ name: P121.module, buildId: P121.buildId });
    const state = checked({ applied: [P122], replaced: [P121] });
    expect(documentOf({ state, kernel })).toMatchObject({ patchState: 'applied', others: [P121.module] });
  });

  it('counts a vulnerability as fixed when one patch of a stack fixes it', () => {
    const fix = { name: 'CVE-2016-0001', description: '', bug: '', patched: true };
    const one = patch('1.1', { fixes: [{ ...fix, patched: false }] });
    const two = patch('2.1', { fixes: [{ ...fix, name: 'cve-2016-0001' }] });
    const state = checked({ applied: [one, two] });
    const { fixes } = documentOf({ state, kernel: together(live(one), live(two)) });
    expect(fixes).toEqual([{ ...fix, name: 'cve-2016-0001' }]);
  });

  it('forgets a failure once a patch as new is in use', () => {
    const failure = { at: '2026-11-22T11:00:00Z', version: '121.1', code: 'transition', message: 'x' };
    const state = checked({ applied: [P121], failure, advice: advice() });
    expect(documentOf({ state, kernel: live(P121) }).patchState).toBe('applied');
  });
});

describe('the answer to whether a reboot can wait', () => {
  it.each(NAMES)('is one (%s)', (name) => {
    const document = scenario(name);
    expect(kernelUpgrade(document).answer === 'can-wait').toBe(rebootCanWait(document));
    if (upToDate(document) === 'up-to-date') expect(rebootCanWait(document)).toBe(true);
  });
});

it('a check that is too long ago is told in every way of asking, though it succeeded', () => {
  const document = scenario('outdated');
  expect(renderHumane(document, { verbose: false })).toContain(
    'last good check: ✗ 9 days ago, which is too long: patches may be missing',
  );
  expect(renderSummary(document)).toContain('✗ no check has succeeded since 9 days ago');
  expect(renderJson(document)).toContain('"CheckState": "needs-check"');
  expect(renderPrometheus(document)).toContain(
    `livepatch_last_good_check_timestamp_seconds ${Date.parse('2026-11-13T11:06:00Z') / 1000}`,
  );
});
