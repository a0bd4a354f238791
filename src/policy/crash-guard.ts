import type { PendingInsertion } from '../types.ts';

/**
 * Whether a patch may be inserted, given the lock that an earlier insertion left behind. A lock is on disk before the
 * insertion and lifted when the patch has settled, so a lock of another boot means that the machine went down in
 * between: by the patch, or by a mere power cut, which must not condemn a good patch for ever.
 */
export type Ruling =
  /** Nothing speaks against it. `attempt` is what the new lock says. */
  | { ruling: 'go'; attempt: number }
  /** The machine has to prove itself first: not before this much time since boot, in seconds. */
  | { ruling: 'not-yet'; uptimeSeconds: number }
  /** Not until a newer version, the server's word, or the administrator. */
  | { ruling: 'blocked'; why: 'crashed' | 'kernel-bug' };

/** One more try after a first crash, and then no more. */
const MOST_ATTEMPTS = 2;

/** Whether a lock is of this boot, and nothing was found against the patch: our own process died, or is at work. */
export function isUnsettled(lock: PendingInsertion, machine: { bootId: string }): boolean {
  return lock.bootId === machine.bootId && lock.trace === undefined;
}

/**
 * @param lock of this very module and version, if any.
 * @param cleanSeconds how long the machine has to be up before the one further try.
 */
export function ruleOn(
  lock: PendingInsertion | undefined,
  machine: { bootId: string; uptimeSeconds: number },
  cleanSeconds: number,
): Ruling {
  if (lock === undefined) return { ruling: 'go', attempt: 1 };
  if (lock.trace !== undefined) return { ruling: 'blocked', why: 'kernel-bug' };
  // Our own process died, not the machine: the same attempt goes on.
  if (lock.bootId === machine.bootId) return { ruling: 'go', attempt: lock.attempt };
  if (lock.attempt >= MOST_ATTEMPTS) return { ruling: 'blocked', why: 'crashed' };
  if (machine.uptimeSeconds < cleanSeconds) return { ruling: 'not-yet', uptimeSeconds: cleanSeconds };
  return { ruling: 'go', attempt: lock.attempt + 1 };
}
