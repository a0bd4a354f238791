import { describe, expect, it } from 'vitest';
import { renderHumane, renderSummary } from '../../src/report/humane.ts';
import { renderJson } from '../../src/report/json.ts';
import { renderPrometheus } from '../../src/report/prometheus.ts';
import { NAMES, scenario } from './scenarios.ts';

describe('the status document', () => {
  it.each([
    ['never checked', 'needs-check', 'unknown', ''],
    ['nothing due', 'checked', 'nothing-to-apply', ''],
    ['covered until a date', 'checked', 'nothing-to-apply', ''],
    ['covered until a date that is over', 'checked', 'nothing-to-apply', ''],
    ['offered and not yet applied', 'checked', 'unapplied', ''],
    ['in transition', 'checked', 'applying', '121.1'],
    ['applied', 'checked', 'applied', '121.1'],
    ['taken out by somebody', 'checked', 'unknown', ''],
    ['kernel bug', 'checked', 'applied-with-bug', '121.1'],
    ['bad signature', 'checked', 'apply-failed', '121.1'],
    ['bad archive', 'checked', 'apply-failed', '121.1'],
    ['no certificate', 'checked', 'apply-failed', '121.1'],
    ['transition stalled', 'checked', 'apply-failed', '121.1'],
    ['insertion refused', 'checked', 'apply-failed', '121.1'],
    ['crashed', 'checked', 'apply-failed', '121.1'],
    ['blocked by cutoff-date', 'checked', 'unapplied', '121.1'],
    ['blocked by patch-delay', 'checked', 'unapplied', '121.1'],
    ['held by mode', 'checked', 'unapplied', '121.1'],
    ['upgrade required', 'checked', 'kernel-upgrade-required', '121.1'],
    ['upgrade required, no date', 'checked', 'kernel-upgrade-required', ''],
    ['end of life', 'checked', 'nothing-to-apply', ''],
    ['not covered', 'checked', 'nothing-to-apply', ''],
    ['upgraded after a reboot', 'needs-check', 'unknown', ''],
    ['check failed', 'check-failed', 'applied', '121.1'],
    ['outdated', 'needs-check', 'applied', '121.1'],
  ])('%s', (name, checkState, patchState, version) => {
    expect(scenario(name)).toMatchObject({ checkState, patchState, version });
  });

  it('says nothing of this kernel that was advised for another', () => {
    expect(scenario('upgraded after a reboot')).toMatchObject({ support: 'unknown', upgraded: true });
  });

  it.each(NAMES)('lets nobody put off a reboot but where it can wait (%s)', (name) => {
    // "A reboot can wait", as others decide it: contract.
    const { patchState, support } = scenario(name);
    const canWait = ['applied', 'nothing-to-apply'].includes(patchState) && support === 'supported';
    const really = [
      ...['nothing due', 'covered until a date', 'check failed', 'outdated'],
      ...['applied', 'applied, and newer kernel packages', "newer packages of another kernel's"],
    ];
    expect(canWait).toBe(really.includes(name));
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
