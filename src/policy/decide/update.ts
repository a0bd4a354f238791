import type { Config, Patch } from '../../types.ts';
import { choose, isInKernel, objectionTo } from '../choose.ts';
import type { Action, Situation } from '../loop.ts';
import { unsupported } from '../refusals.ts';
import { isCheckDue } from '../schedule.ts';
import { compareVersions } from '../version.ts';
import { fail, kept } from './common.ts';
import { conclude } from './conclude.ts';
import { remembered } from './holds.ts';
import { obtain } from './insertion.ts';
import { takeOutWithdrawn, unloadReplaced } from './removal.ts';
import { isUnread } from './resume.ts';

export function registration(s: Situation): Action | undefined {
  if (s.enabled) return undefined;
  // A catalogue knows nothing of machines; its first check tells whether the kernel is covered.
  if (s.source === 'catalogue' && s.kernel.livePatches !== undefined) return { do: 'register' };
  if (s.run.support === undefined) {
    if (s.kernel.livePatches === undefined) return fail(unsupported(s.machine, 'kernel'));
    return { do: 'ask-support' };
  }
  if (s.run.support === 'unsupported') return fail(unsupported(s.machine, 'server'));
  return { do: 'register' };
}

export function update(s: Situation): Action {
  const { mode, run } = s;
  const atBoot = s.goal.kind === 'refresh' && s.goal.occasion === 'boot';
  if (atBoot && mode.apply && run.check === 'not-yet') {
    const action = restore(s) ?? salvage(s);
    if (action !== undefined) return action;
  }
  if (!s.enabled) return conclude(s);
  if (!mode.contact) return atBoot ? conclude(s) : kept(s, 'mode');
  if (run.check === 'not-yet' && wantsCheck(s)) {
    return s.tokenError === undefined ? { do: 'check-in' } : fail(s.tokenError);
  }
  // Without news, what was applied before stays in use: a boot service that failed is made up for.
  if (run.check !== 'done') return (mode.apply ? restore(s) : undefined) ?? conclude(s);
  return upgrade(s) ?? restore(s) ?? takeOutWithdrawn(s) ?? unloadReplaced(s) ?? conclude(s);
}

/** A person gets a check at once; at boot, a file that is gone is to be fetched again whatever the schedule. */
function wantsCheck({ config, goal, machine, now, payloads, state }: Situation): boolean {
  if (goal.kind !== 'refresh' || goal.occasion === 'person') return true;
  const isGone = ({ kernel, sha256 }: Patch) => kernel === machine.kernel && !payloads.includes(sha256);
  if (goal.occasion === 'boot' && state.applied.some(isGone)) return true;
  // What was heard about another kernel is no news about this one.
  const last = state.advice?.kernel === machine.kernel ? state.lastGoodCheck : undefined;
  const age = last && now.getTime() - Date.parse(last.at);
  return isCheckDue(goal.occasion, age, (config as Config).checkInterval);
}

/** The newest patch that the source has and policy allows. */
function upgrade(s: Situation): Action | undefined {
  const { chosen } = choose(s);
  if (chosen === undefined) return undefined;
  if (s.run.failed.includes(chosen.digest) && !s.mode.apply) return conclude(s);
  // A stack is built from its ground.
  return (chosen.cumulative ? undefined : restore(s)) ?? obtain(chosen, s);
}

/** What is to be in this kernel and is not: after a reboot, or because somebody took it out. Oldest first. */
function restore(s: Situation): Action | undefined {
  for (const patch of remembered(s)) {
    if (isInKernel(patch, s) || s.run.failed.includes(patch.digest)) continue;
    if (!s.payloads.includes(patch.sha256)) continue;
    if (objectionTo(patch, s, { ours: true }) !== undefined) continue;
    return obtain(patch, s);
  }
  return undefined;
}

/** At boot, when nothing is remembered because the state was lost: the newest file on disk that policy allows. */
function salvage(s: Situation): Action | undefined {
  if (s.state.applied.length > 0 || s.state.reverted.length > 0) return undefined;
  const unread = s.payloads.find((sha256) => isUnread(sha256, s));
  if (unread !== undefined) return { do: 'prove', sha256: unread, expected: undefined };
  const newest = s.run.proven
    .filter((patch) => !s.run.failed.includes(patch.digest) && objectionTo(patch, s) === undefined)
    .toSorted((one, other) => compareVersions(other.version, one.version))[0];
  return newest === undefined || isInKernel(newest, s) ? undefined : obtain(newest, s);
}
