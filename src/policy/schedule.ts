import { LIMITS } from '../limits.ts';

/** Who starts a refresh when no person does. */
export type Occasion = 'timer' | 'boot';

/**
 * Whether a refresh that no person asked for has to check in. Pure.
 *
 * The timer elapses once an hour at a minute of the machine's own, so a fleet that follows it is spread over the hour.
 * A boot is no such spread: after a power cut all machines boot at once, and their check is left to their timers, but
 * for those that have heard nothing for long.
 * @param age milliseconds since the last check of this kernel that succeeded; undefined when there never was one.
 * Negative when the clock was set back, which must not keep us from checking for years.
 * @param checkInterval milliseconds; undefined when automatic checks are off.
 */
export function isCheckDue(
  occasion: Occasion,
  age: number | undefined,
  checkInterval: number | undefined,
): boolean {
  if (checkInterval === undefined) return false;
  if (age === undefined || age < 0) return true;
  const { bootAge, timerSlack } = LIMITS.operations;
  return age >= (occasion === 'timer' ? checkInterval - timerSlack : Math.max(bootAge, checkInterval));
}
