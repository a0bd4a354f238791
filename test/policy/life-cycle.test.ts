import { describe, expect, it } from 'vitest';
import { LIFE_CYCLE, sameSeries, standingOf } from '../../src/policy/life-cycle.ts';
import type { LivePatch } from '../../src/types.ts';

const OURS = 'lkp_Debian_6_1_0_56_amd64_121';
const patch = (name: string, enabled: boolean, inTransition: boolean): LivePatch => ({
  name,
  enabled,
  inTransition,
});
const isOurs = (name: string) => name.startsWith('lkp_');

describe('where a patch stands', () => {
  it.each([
    ['absent', [], false],
    ['absent', [patch('lkp_Debian_6_1_0_56_amd64_120', true, false)], false],
    ['left-over', [], true],
    ['left-over', [patch('lkp_Debian_6_1_0_56_amd64_122', true, false)], true],
    ['disabled', [patch(OURS, false, false)], true],
    ['applying', [patch(OURS, true, true)], true],
    ['applied', [patch(OURS, true, false)], true],
    ['applied', [patch(OURS, true, false), patch('kpatch_x', true, false)], true],
    ['unpatching', [patch(OURS, false, true)], true],
    ['another-in-transition', [patch('lkp_Debian_6_1_0_56_amd64_120', false, true)], false],
    ['another-in-transition', [patch('kpatch_x', true, true)], false],
    ['another-vendors', [patch('kpatch_x', true, false)], false],
  ] as const)('is %s when the kernel holds %j and it is loaded: %s', (standing, livePatches, isLoaded) => {
    expect(standingOf(OURS, livePatches, isLoaded, isOurs)).toBe(standing);
  });
});

describe('the life cycle', () => {
  /** What the kernel makes of each step when all goes well. */
  const LEADS_TO: Record<string, Record<string, string>> = {
    absent: { insert: 'applying' },
    'left-over': { unload: 'absent' },
    disabled: { unload: 'absent' },
    applying: { settle: 'applied', disable: 'left-over' },
    applied: { disable: 'left-over' },
    unpatching: { wait: 'left-over' },
    'another-in-transition': { wait: 'absent' },
  };

  it.each(
    (['applied', 'gone'] as const).flatMap((goal) =>
      Object.keys(LIFE_CYCLE).map((standing) => [standing, goal] as const),
    ),
  )('leads from %s to %s, or refuses, within five steps', (from, goal) => {
    let standing = from as keyof typeof LIFE_CYCLE;
    for (let steps = 0; steps < 5; steps += 1) {
      const step = LIFE_CYCLE[standing][goal];
      if (step === 'refuse') return expect(standing).toBe('another-vendors');
      if (step === 'done') {
        const ends =
          goal === 'applied' ? ['applied'] : ['absent', 'another-in-transition', 'another-vendors'];
        return expect(ends).toContain(standing);
      }
      standing = LEADS_TO[standing]?.[step] as keyof typeof LIFE_CYCLE;
      expect(standing).toBeDefined();
    }
    expect.unreachable('no end');
  });
});

describe('a series', () => {
  it('is known by the name without the major version', () => {
    expect(sameSeries(OURS, 'lkp_Debian_6_1_0_56_amd64_98')).toBe(true);
    expect(sameSeries(OURS, 'lkp_Debian_6_1_0_55_amd64_121')).toBe(false);
    expect(sameSeries(OURS, 'kpatch_121')).toBe(false);
  });
});
