import type { Hold } from '../../types.ts';
import { isInKernel, objectionTo } from '../choose.ts';
import { isUnsettled } from '../crash-guard.ts';
import type { Action, Result, Situation } from '../loop.ts';
import { clearUninserted, fail, hasFailed, isFinal } from './common.ts';
import { holdsOf, remembered } from './holds.ts';
import { obtain } from './insertion.ts';
import { unloadReplaced } from './removal.ts';

/** The end of a run: what is left to do in any case, then its result. @param reason why it ends here. */
export function conclude(s: Situation, reason?: Hold): Action {
  const rest = [putBack(s), clearUninserted(s), unloadReplaced(s), askForCves(s)];
  return rest.find((action) => action !== undefined && !hasFailed(action, s)) ?? end(s, reason);
}

/** A patch that another one of its name displaced comes back when that one failed. */
function putBack(s: Situation): Action | undefined {
  const { displaced } = s.state;
  if (displaced === undefined || s.run.failures.length === 0 || !s.mode.apply) return undefined;
  if (s.pending.some((one) => isUnsettled(one, s.machine) && one.patch.digest !== displaced.digest))
    return undefined;
  const isLost = s.run.failed.includes(displaced.digest) || !s.payloads.includes(displaced.sha256);
  if (isLost || objectionTo(displaced, s, { ours: true }) !== undefined) return undefined;
  const action = obtain(displaced, s);
  return action === undefined || isFinal(action) ? undefined : action;
}

function askForCves({ enabled, mode, run }: Situation): Action | undefined {
  const due = run.check === 'done' && mode.contact && enabled && !run.cvesDone;
  return due ? { do: 'fetch-cves' } : undefined;
}

function end(s: Situation, reason?: Hold): Action {
  const rest = holdsOf(s).filter(({ version }) => version !== reason?.version);
  const all = reason === undefined ? rest : [reason, ...rest];
  const [failure] = s.run.failures.filter((one) => !isExcused(one.action, s));
  if (failure !== undefined) return fail(failure.error, all);
  const result = s.run.applied.length > 0 ? applied(s, all) : nothingDone(s, all, reason);
  if (s.goal.kind !== 'enable') return { do: 'done', result, held: all };
  return { do: 'done', result: { kind: 'enabled', first: result }, held: all };
}

/** At boot the network may not be up yet: what is on disk was applied, and the next refresh checks. */
function isExcused(action: string, { goal, run }: Situation): boolean {
  const atBoot = goal.kind === 'refresh' && goal.occasion === 'boot';
  return (
    atBoot &&
    action === 'check-in' &&
    run.failures.every((one) => one.action !== action || one.error.code === 'network')
  );
}

function applied({ run }: Situation, all: Hold[]): Extract<Result, { kind: 'applied' }> {
  return { kind: 'applied', patches: [...run.applied], held: all };
}

function nothingDone(
  s: Situation,
  all: Hold[],
  reason: Hold | undefined,
): Extract<Result, { kind: 'held' | 'kept' }> {
  const ours = remembered(s).filter((patch) => isInKernel(patch, s));
  if (s.state.applied.some(({ bug, digest }) => bug && isInKernel({ digest }, s))) {
    return { kind: 'kept', why: 'bug-in-use', held: all };
  }
  if (s.goal.kind === 'refresh' && s.run.check === 'not-yet' && s.goal.occasion === 'timer') {
    return { kind: 'kept', why: 'not-due', held: s.state.held };
  }
  const blocks = all.filter(({ why }) => why !== 'rollback' || ours.length === 0);
  if (reason !== undefined || blocks.length > 0) return { kind: 'held', held: all };
  return { kind: 'kept', why: ours.length > 0 ? 'already-applied' : 'nothing-offered', held: all };
}
