import { setTimeout as sleep } from 'node:timers/promises';
import { LIMITS } from '../limits.ts';

/**
 * Polls until something is so, first often and then ever less, for the kernel reports no event for it.
 * @returns whether it came to be so within `limitMs`.
 */
export async function pollUntil(isSo: () => boolean, limitMs: number): Promise<boolean> {
  // The monotonic clock: setting the wall clock must neither end nor lengthen the wait.
  const end = performance.now() + limitMs;
  let pause: number = LIMITS.kernel.pollShortest;
  while (!isSo()) {
    if (performance.now() >= end) return false;
    await sleep(pause);
    pause = Math.min(pause * 2, LIMITS.kernel.pollLongest);
  }
  return true;
}
