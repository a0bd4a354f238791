import { LivepatchError } from '../../errors.ts';
import type { Hold, Patch } from '../../types.ts';
import { isUnsettled } from '../crash-guard.ts';
import { type Holding, holdings } from '../identity.ts';
import { type Action, type KeptWhy, keyOf, type Situation } from '../loop.ts';

/** What every part of a decision asks of a situation, and the ways to end. */

/** The modules that were looked at, and which patches of ours they are. */
export function heldModules(s: Situation): Holding[] {
  return holdings(s.kernel, { state: s.state, pending: s.pending, bootId: s.machine.bootId });
}

export function holdingOf(digest: string, s: Situation): Holding | undefined {
  return heldModules(s).find(({ patch }) => patch?.digest === digest);
}

/** Live patches that nothing remembered says we put there. */
export function strangers(s: Situation): Holding[] {
  return heldModules(s).filter(({ live, patch }) => live !== undefined && patch === undefined);
}

/**
 * Clears the record of an insertion whose patch is not in use. There is nothing left to settle, even if its module stays
 * loaded, and the next boot would take the record for a crash.
 */
export function clearUninserted(s: Situation): Action | undefined {
  const pending = s.pending.find(
    (one) => isUnsettled(one, s.machine) && holdingOf(one.patch.digest, s)?.live === undefined,
  );
  return pending && { do: 'clear-pending', pending };
}

/** Whether an action ends the run. */
export function isFinal(action: Action): boolean {
  return action.do === 'done' || action.do === 'fail';
}

export function hasFailed(action: Action, { run }: Situation): boolean {
  return run.failures.some((failure) => failure.action === keyOf(action));
}

/** @param patch what the error kept out of the kernel. */
export function fail(error: LivepatchError, held: Hold[] = [], patch?: Patch): Action {
  return { do: 'fail', error, held, patch };
}

export function kept(s: Situation, why: KeptWhy): Action {
  return { do: 'done', result: { kind: 'kept', why, held: s.state.held }, held: s.state.held };
}

/** A configuration that cannot be used ends what needs it. */
export function brokenConfig({ config }: Situation): Action | undefined {
  return config instanceof LivepatchError ? fail(config) : undefined;
}
