import type { Outcome } from '../operations/update.ts';

/** One greppable line for what an update came to. */
export function outcomeSentence(outcome: Outcome): string {
  if (outcome.action === 'applied') return `applied: patch ${outcome.patch.version}`;
  return outcome.why === 'already-applied'
    ? 'nothing to do: the kernel is up to date'
    : 'nothing to do: no patch is due';
}
