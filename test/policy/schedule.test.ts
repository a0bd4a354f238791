import { describe, expect, it } from 'vitest';
import { isCheckDue } from '../../src/policy/schedule.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe('whether a check is due', () => {
  it.each([
    { occasion: 'timer', age: undefined, interval: HOUR, due: true },
    { occasion: 'timer', age: 0, interval: HOUR, due: true },
    { occasion: 'timer', age: 22 * HOUR, interval: DAY, due: false },
    { occasion: 'timer', age: 23 * HOUR, interval: DAY, due: true },
    { occasion: 'timer', age: -5 * DAY, interval: DAY, due: true },
    { occasion: 'timer', age: undefined, interval: undefined, due: false },
    { occasion: 'boot', age: undefined, interval: HOUR, due: true },
    { occasion: 'boot', age: 23 * HOUR, interval: HOUR, due: false },
    { occasion: 'boot', age: DAY, interval: HOUR, due: true },
    { occasion: 'boot', age: 2 * DAY, interval: 7 * DAY, due: false },
    { occasion: 'boot', age: 9 * DAY, interval: undefined, due: false },
  ] as const)(
    '$occasion, $age ms after the last, every $interval ms: $due',
    ({ occasion, age, interval, due }) => {
      expect(isCheckDue(occasion, age, interval)).toBe(due);
    },
  );
});
