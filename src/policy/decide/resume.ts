import { LivepatchError } from '../../errors.ts';
import type { Patch, PendingInsertion } from '../../types.ts';
import { candidatesOf } from '../choose.ts';
import { isUnsettled } from '../crash-guard.ts';
import type { Holding } from '../identity.ts';
import { standingOf } from '../life-cycle.ts';
import type { Action, Situation } from '../loop.ts';
import { holdingOf, strangers } from './common.ts';
import { obtain } from './insertion.ts';
import { remove, unloadReplaced } from './removal.ts';

/**
 * A live patch that is not remembered, because the state was lost, is known again by a proven file with its module's
 * name and build id: one on disk, or one that the source has. Without a build id nothing can be known.
 */
export function recognise(s: Situation): Action | undefined {
  // Its pending insertion with the trace of a bug stays, and knows it.
  const faulty = s.pending.find(
    ({ patch, trace }) =>
      trace !== undefined &&
      holdingOf(patch.digest, s)?.live !== undefined &&
      ![...s.state.applied, ...s.state.replaced].some(({ digest }) => digest === patch.digest),
  );
  if (faulty !== undefined) return { do: 'adopt', patch: faulty.patch };
  const unknown = strangers(s);
  if (unknown.length === 0) return undefined;
  const match = s.run.proven.find((patch) => unknown.some((one) => isCodeOf(patch, one)));
  if (match !== undefined) return { do: 'adopt', patch: match };
  if (s.config instanceof LivepatchError) return undefined;
  const file = s.payloads.find((sha256) => isUnread(sha256, s));
  if (file !== undefined) return { do: 'prove', sha256: file, expected: undefined };
  if (s.run.check !== 'done' || !s.mode.contact) return undefined;
  const candidate = candidatesOf(s).find(
    ({ digest, module, sha256 }) =>
      unknown.some((one) => one.module.name === module && one.module.buildId !== undefined) &&
      isUnread(sha256, s) &&
      !s.run.failed.includes(digest),
  );
  return candidate && obtain(candidate, s);
}

function isCodeOf({ buildId, module }: Patch, stranger: Holding): boolean {
  return buildId !== undefined && stranger.module.name === module && stranger.module.buildId === buildId;
}

export function isUnread(sha256: string, { run }: Situation): boolean {
  return !run.unusable.includes(sha256) && !run.proven.some((patch) => patch.sha256 === sha256);
}

/**
 * Finishes an insertion that was begun in this boot, even if policy would now hold it: otherwise the next boot would
 * blame the patch for a crash. Then unloads what was replaced.
 */
export function unfinished(s: Situation): Action | undefined {
  for (const pending of s.pending) {
    const action = isUnsettled(pending, s.machine) ? resume(pending, s) : undefined;
    if (action !== undefined) return action;
  }
  return undefined;
}

function resume(pending: PendingInsertion, s: Situation): Action | undefined {
  const { patch } = pending;
  const failed = s.run.failed.includes(patch.digest);
  const holding = holdingOf(patch.digest, s);
  if (holding === undefined) {
    // Begun by this run: the insertion comes next.
    return s.run.begun === patch.digest && !failed ? undefined : { do: 'clear-pending', pending };
  }
  const standing = standingOf(holding.live);
  if (failed || !['applying', 'applied'].includes(standing)) return remove(holding, 'failed', s);
  if (standing === 'applying') return { do: 'wait-for-transition', patch };
  const isKnown = s.state.applied.some(
    ({ bootId, digest }) => digest === patch.digest && bootId === s.machine.bootId,
  );
  // It was there before its run could write it down.
  if (!isKnown) return { do: 'wait-for-transition', patch };
  return unloadReplaced(s) ?? { do: 'watch', patch };
}
