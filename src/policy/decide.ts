import type { Advice } from '../types.ts';
import { choose } from './choose.ts';
import { brokenConfig, fail, hasFailed, isFinal, kept, strangers } from './decide/common.ts';
import { conclude } from './decide/conclude.ts';
import { given } from './decide/given.ts';
import { decommission, removal, reverted } from './decide/removal.ts';
import { recognise, unfinished } from './decide/resume.ts';
import { registration, update } from './decide/update.ts';
import type { Action, Situation } from './loop.ts';
import { alreadyEnabled, heldBack, notEnabled } from './refusals.ts';

/**
 * The one place where anything is decided: what to do next. Pure and total. The loop calls it again after every action,
 * with a fresh look, until it says `done` or `fail`, so each rule below only has to know the next step.
 *
 * An action that failed is not tried again in the same run.
 */
export function decide(situation: Situation): Action {
  const action = next(situation);
  const possible = isFinal(action) || !hasFailed(action, situation) ? action : giveUp(situation);
  return rehearsed(enabledAnyway(possible, situation), situation);
}

/** What was asked for failed. */
function giveUp(s: Situation): Action {
  const isRemoval = s.goal.kind === 'revert' || s.goal.kind === 'disable';
  const [failure] = s.run.failures;
  return isRemoval && failure !== undefined ? fail(failure.error, s.state.held) : conclude(s);
}

/** A machine that was registered stays enabled, whatever its first refresh meets; the next one tries again. */
function enabledAnyway(action: Action, { enabled, goal }: Situation): Action {
  if (goal.kind !== 'enable' || !enabled || action.do !== 'fail' || action.error.code === 'already-enabled')
    return action;
  return { do: 'done', result: { kind: 'enabled', first: action.error }, held: action.held };
}

function next(s: Situation): Action {
  switch (s.goal.kind) {
    case 'enable':
      return gate(s) ?? recognise(s) ?? unfinished(s) ?? registration(s) ?? update(s);
    case 'refresh':
      return gate(s) ?? recognise(s) ?? unfinished(s) ?? update(s);
    case 'apply':
      return gate(s) ?? recognise(s) ?? unfinished(s) ?? given(s);
    case 'revert':
      return recognise(s) ?? removal(s) ?? reverted(s);
    case 'disable':
      return (s.goal.unpatch ? (recognise(s) ?? removal(s)) : undefined) ?? decommission(s);
  }
}

/** The kill switch, and what nothing can be done without. */
function gate(s: Situation): Action | undefined {
  const { goal, mode } = s;
  if (goal.kind === 'apply') return mode.apply ? brokenConfig(s) : fail(heldBack(mode));
  if (goal.kind === 'enable') {
    if (s.enabled && !s.run.registered) return fail(alreadyEnabled());
    if (!mode.contact) return fail(heldBack(mode));
    return brokenConfig(s);
  }
  if (!mode.contact && !mode.apply) return kept(s, 'mode');
  if (!s.enabled && goal.kind === 'refresh') {
    if (goal.occasion === 'person') return fail(notEnabled());
    // The timer and the boot service are there on every machine: no failure of theirs.
    if (goal.occasion === 'timer' || !hasPatches(s)) return kept(s, 'not-enabled');
  }
  return brokenConfig(s);
}

/** Whether something of an administrator's (`apply FILE`) is to be kept in this kernel, enabled or not. */
function hasPatches({ machine, state }: Situation): boolean {
  return state.applied.some(({ kernel }) => kernel === machine.kernel);
}

/** In a dry run, what would change the machine is only told. */
function rehearsed(action: Action, { goal }: Situation): Action {
  const dryRun = (goal.kind === 'refresh' || goal.kind === 'apply') && goal.dryRun;
  if (!dryRun || !CHANGES.has(action.do)) return action;
  return { do: 'done', result: { kind: 'would', action, held: [] }, held: [] };
}

const CHANGES = new Set<Action['do']>([
  'fetch',
  'begin-insertion',
  'insert',
  'wait-for-transition',
  'wait-for-idle',
  'watch',
  'clear-pending',
  'disable',
  'unload',
]);

/** Whether what is remembered of the source is about this kernel and names nothing that would have to be fetched. */
export function knowsAll(s: Situation): boolean {
  const advice: Advice | undefined = s.state.advice;
  if (advice === undefined || advice.kernel !== s.machine.kernel || strangers(s).length > 0) return false;
  // A file on disk may turn out to be damaged: what is still to be applied may have to be fetched.
  return choose(s).chosen === undefined;
}
