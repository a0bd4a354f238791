import { describe, expect, it } from 'vitest';
import { NAMES, scenario } from './scenarios.ts';

describe('the status document', () => {
  it.each([
    ['never checked', 'needs-check', 'unknown', ''],
    ['nothing due', 'checked', 'nothing-to-apply', ''],
    ['covered until a date', 'checked', 'nothing-to-apply', ''],
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
