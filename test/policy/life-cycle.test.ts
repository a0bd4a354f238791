import { describe, expect, it } from 'vitest';
import { LIFE_CYCLE, type Standing, standingOf } from '../../src/policy/life-cycle.ts';

describe('where a module stands that is loaded', () => {
  it.each([
    ['left-over', undefined],
    ['disabled', { name: 'm', enabled: false, inTransition: false }],
    ['applying', { name: 'm', enabled: true, inTransition: true }],
    ['applied', { name: 'm', enabled: true, inTransition: false }],
    ['unpatching', { name: 'm', enabled: false, inTransition: true }],
  ])('is %s when the kernel says %j', (standing, live) => {
    expect(standingOf(live)).toBe(standing);
  });
});

describe('the life cycle', () => {
  /** What the kernel makes of each step when all goes well. */
  const LEADS_TO: Record<Standing, Partial<Record<string, Standing>>> = {
    absent: { insert: 'applying' },
    'left-over': { unload: 'absent' },
    disabled: { unload: 'absent' },
    applying: { wait: 'applied', disable: 'unpatching' },
    applied: { disable: 'unpatching' },
    unpatching: { wait: 'left-over' },
  };
  const standings = Object.keys(LIFE_CYCLE) as Standing[];

  it.each(
    standings.flatMap((from) => [
      { from, goal: 'applied', end: 'applied' } as const,
      { from, goal: 'gone', end: 'absent' } as const,
    ]),
  )('leads from $from to $goal within five steps', ({ end, from, goal }) => {
    let standing: Standing = from;
    for (let steps = 0; steps < 5; steps += 1) {
      const step = LIFE_CYCLE[standing][goal];
      if (step === 'done') return expect(standing).toBe(end);
      const next = LEADS_TO[standing][step];
      if (next === undefined) expect.unreachable(`${step} does nothing for what is ${standing}`);
      else standing = next;
    }
    expect.unreachable('no end');
  });
});
