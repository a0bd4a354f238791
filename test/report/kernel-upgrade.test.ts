import { describe, expect, it } from 'vitest';
import { kernelUpgrade } from '../../src/report/kernel-upgrade.ts';
import { NAMES, scenario } from './scenarios.ts';

const recommended = (reason: string) => ({ answer: 'recommended', reason });
const canWait = { answer: 'can-wait', reason: 'no upgrade of the kernel is needed now' };
const due = { answer: 'not-enough-information', reason: 'a live patch is due that is not in the kernel' };
const unknown = {
  answer: 'not-enough-information',
  reason: 'it is not known whether it is covered, before a check-in with the server has succeeded',
};
/** The patch of the scenarios says of itself that it leaves one open. */
const unpatched = recommended('CVE-2016-0002 cannot be remedied with live patching');

const EXPECTED: Record<string, object> = {
  'never checked': unknown,
  'nothing due': canWait,
  'covered until a date': canWait,
  'covered until a date that is over': recommended('Livepatch coverage ended 2026-11-20'),
  'offered and not yet applied': due,
  'in transition': unpatched,
  applied: unpatched,
  'applied, and newer kernel packages': unpatched,
  "newer packages of another kernel's": canWait,
  'taken out by somebody': due,
  'kernel bug': recommended('it found a bug in live patch 121.1'),
  'bad signature': unpatched,
  'bad archive': unpatched,
  'no certificate': unpatched,
  'transition stalled': unpatched,
  'insertion refused': unpatched,
  crashed: recommended(
    'the machine went down twice while patch 122.1 was being applied, so that CVE-2026-0003, CVE-2026-0004 stays open',
  ),
  'blocked by cutoff-date': unpatched,
  'blocked by patch-delay': unpatched,
  'held by mode': unpatched,
  'upgrade required': recommended('Livepatch coverage ended 2026-10-01'),
  'upgrade required, no date': recommended('Livepatch coverage has ended'),
  'end of life': recommended('it is no longer covered by Livepatch'),
  'not covered': recommended('it is not covered by Livepatch'),
  'upgraded after a reboot': unknown,
  'check failed': unpatched,
  outdated: unpatched,
};

describe('whether to reboot into a newer kernel', () => {
  it.each(NAMES)('%s', (name) => {
    expect(kernelUpgrade(scenario(name))).toEqual(EXPECTED[name]);
  });

  it('can wait while everything is patched', () => {
    expect(kernelUpgrade({ ...scenario('applied'), fixes: [] })).toEqual(canWait);
  });
});
