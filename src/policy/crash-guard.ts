import type { PendingInsertion } from '../types.ts';

/**
 * Whether a patch may be inserted, given the pending insertion that an earlier run left behind. It is on disk before the
 * insertion and cleared when the patch was watched to the end, so one of another boot means that the machine went down
 * in between: by the patch, or by a mere power cut, which must not condemn a good patch for ever.
 */
export type Ruling =
  /** Nothing speaks against it. `attempt` is what the new pending insertion says. */
  | { ruling: 'go'; attempt: number }
  /** The machine has to prove itself first: not before this much time since boot, in seconds. */
  | { ruling: 'not-yet'; uptimeSeconds: number }
  /** Not until a newer version, the source's word, or the administrator. */
  | { ruling: 'blocked'; why: 'crashed' | 'kernel-bug' };

/** One more try after a first crash, and then no more. */
const MOST_ATTEMPTS = 2;

/** Whether it is of this boot and nothing was found against the patch: our own process died, or is at work. */
export function isUnsettled(pending: PendingInsertion, machine: { bootId: string }): boolean {
  return pending.bootId === machine.bootId && pending.trace === undefined;
}

/**
 * @param pending of this very patch, if any.
 * @param cleanSeconds how long the machine has to be up before the one further try.
 */
export function ruleOn(
  pending: PendingInsertion | undefined,
  machine: { bootId: string; uptimeSeconds: number },
  cleanSeconds: number,
): Ruling {
  if (pending === undefined) return { ruling: 'go', attempt: 1 };
  if (pending.trace !== undefined) return { ruling: 'blocked', why: 'kernel-bug' };
  // Our own process died, not the machine: the same attempt goes on.
  if (pending.bootId === machine.bootId) return { ruling: 'go', attempt: pending.attempt };
  if (pending.attempt >= MOST_ATTEMPTS) return { ruling: 'blocked', why: 'crashed' };
  if (machine.uptimeSeconds < cleanSeconds) return { ruling: 'not-yet', uptimeSeconds: cleanSeconds };
  return { ruling: 'go', attempt: pending.attempt + 1 };
}
