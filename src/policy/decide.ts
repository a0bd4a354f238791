import { LivepatchError } from '../errors.ts';
import type { Advice, Candidate, Config, Hold, Patch, PendingInsertion } from '../types.ts';
import {
  asksFor,
  attemptAt,
  candidatesOf,
  choose,
  hold,
  isInKernel,
  isWithdrawn,
  objectionTo,
  objectionToGiven,
} from './choose.ts';
import { isUnsettled } from './crash-guard.ts';
import { type Holding, holdings } from './identity.ts';
import { LIFE_CYCLE, standingOf } from './life-cycle.ts';
import { type Action, type KeptWhy, keyOf, type Removal, type Result, type Situation } from './loop.ts';
import {
  alreadyEnabled,
  foreignPatches,
  heldBack,
  modeForbids,
  notEnabled,
  nothingToRevert,
  unsupported,
} from './refusals.ts';
import { isCheckDue } from './schedule.ts';
import { compareVersions } from './version.ts';

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

function fail(error: LivepatchError, held: Hold[] = [], patch?: Patch): Action {
  return { do: 'fail', error, held, patch };
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

const isFinal = (action: Action) => action.do === 'done' || action.do === 'fail';

function hasFailed(action: Action, { run }: Situation): boolean {
  return run.failures.some((failure) => failure.action === keyOf(action));
}

/* ---- before anything else ---- */

/** The kill switch, and what nothing can be done without. */
function gate(s: Situation): Action | undefined {
  const { config, goal, mode } = s;
  if (goal.kind === 'apply') return mode.apply ? brokenConfig(config) : fail(heldBack(mode));
  if (goal.kind === 'enable') {
    if (s.enabled && !s.run.registered) return fail(alreadyEnabled());
    if (!mode.contact) return fail(heldBack(mode));
    return brokenConfig(config);
  }
  if (!mode.contact && !mode.apply) return kept(s, 'mode');
  if (!s.enabled && goal.kind === 'refresh') {
    if (goal.occasion === 'person') return fail(notEnabled());
    // The timer and the boot service are there on every machine: no failure of theirs.
    if (goal.occasion === 'timer' || !hasPatches(s)) return kept(s, 'not-enabled');
  }
  return brokenConfig(config);
}

function brokenConfig(config: Situation['config']): Action | undefined {
  return config instanceof LivepatchError ? fail(config) : undefined;
}

/** Whether something of an administrator's (`apply FILE`) is to be kept in this kernel, enabled or not. */
function hasPatches({ machine, state }: Situation): boolean {
  return state.applied.some(({ kernel }) => kernel === machine.kernel);
}

/* ---- what is in the kernel ---- */

function held(s: Situation): Holding[] {
  return holdings(s.kernel, { state: s.state, pending: s.pending, bootId: s.machine.bootId });
}

function holdingOf(digest: string, s: Situation): Holding | undefined {
  return held(s).find(({ patch }) => patch?.digest === digest);
}

/** Live patches that nothing remembered says we put there. */
function strangers(s: Situation): Holding[] {
  return held(s).filter(({ live, patch }) => live !== undefined && patch === undefined);
}

/**
 * A live patch that is not remembered, because the state was lost, is known again by a proven file with its module's
 * name and build id: one on disk, or one that the source has. Without a build id nothing can be known.
 */
function recognise(s: Situation): Action | undefined {
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

function isUnread(sha256: string, { run }: Situation): boolean {
  return !run.unusable.includes(sha256) && !run.proven.some((patch) => patch.sha256 === sha256);
}

/* ---- what a killed run, or this one, has begun ---- */

/**
 * Finishes an insertion that was begun in this boot, even if policy would now hold it: otherwise the next boot would
 * blame the patch for a crash. Then unloads what was replaced.
 */
function unfinished(s: Situation): Action | undefined {
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

/** Unloads what the kernel has taken out of use by itself. That it cannot be unloaded yet is no failure. */
function unloadReplaced(s: Situation): Action | undefined {
  const leftOver = held(s).find(
    ({ live, module, patch }) =>
      patch !== undefined &&
      !live?.enabled &&
      s.state.replaced.some(({ digest }) => digest === patch.digest) &&
      !s.run.stuck.includes(module.name),
  );
  return leftOver && remove(leftOver, 'replaced', s);
}

/** The next step towards a module being gone. */
function remove({ live, module }: Holding, why: Removal, s: Situation): Action | undefined {
  switch (LIFE_CYCLE[standingOf(live)].gone) {
    case 'disable':
      return { do: 'disable', module: module.name, why };
    case 'wait':
      return { do: 'wait-for-idle' };
    case 'unload':
      return s.run.stuck.includes(module.name) ? undefined : { do: 'unload', module: module.name, why };
    default:
      return undefined;
  }
}

/* ---- refresh and enable ---- */

function registration(s: Situation): Action | undefined {
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

function update(s: Situation): Action {
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
  if (run.check !== 'done') return conclude(s);
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

/** What this kernel had: a patch that another one displaced comes back only when that one failed. */
function remembered(s: Situation): Patch[] {
  const { applied, displaced, reverted } = s.state;
  const again = asksFor(s.goal, 'retryBlocked') ? reverted : [];
  const back = displaced !== undefined && !applied.some(({ module }) => module === displaced.module);
  return [...again, ...(back ? [displaced] : []), ...applied].filter(
    ({ kernel }) => kernel === s.machine.kernel,
  );
}

/** From a name to the kernel: fetch, prove, insert. */
function obtain(patch: Candidate | Patch, s: Situation): Action {
  if (s.run.failed.includes(patch.digest)) return conclude(s);
  const proven = s.run.proven.find(({ digest }) => digest === patch.digest);
  if (proven !== undefined) return insertion(proven, s);
  if (s.payloads.includes(patch.sha256)) return { do: 'prove', sha256: patch.sha256, expected: patch };
  return 'size' in patch ? { do: 'fetch', candidate: patch } : conclude(s);
}

/** From a proven file into the kernel. */
function insertion(patch: Patch, s: Situation): Action {
  if (!s.mode.apply) return conclude(s, hold(patch, 'mode', modeForbids(s.mode)));
  if (s.kernel.livePatches?.some(({ inTransition }) => inTransition)) return { do: 'wait-for-idle' };
  const foreign = strangers(s).filter(({ module }) => module.name !== patch.module);
  if (foreign.length > 0) return fail(foreignPatches(foreign), holdsOf(s), patch);
  if (s.run.begun !== patch.digest) {
    return { do: 'begin-insertion', patch, attempt: attemptAt(patch, s) };
  }
  const inTheWay = held(s).find(({ module }) => module.name === patch.module);
  return (inTheWay && remove(inTheWay, 'in-the-way', s)) ?? { do: 'insert', patch };
}

/** Takes out of the kernel what its source has withdrawn, where the configuration asks for that. */
function takeOutWithdrawn(s: Situation): Action | undefined {
  if (!(s.config as Config).revertWithdrawn || !s.sourceTrusted || !s.mode.apply) return undefined;
  const holding = held(s).find(({ patch }) => patch !== undefined && isWithdrawn(patch, s.state));
  return holding && remove(holding, 'withdrawn', s);
}

/* ---- apply FILE ---- */

function given(s: Situation): Action {
  const { files } = s.goal as Extract<Situation['goal'], { kind: 'apply' }>;
  const patch = s.run.given.find(({ digest }) => !isInKernel({ digest }, s));
  if (patch !== undefined) {
    if (s.run.failed.includes(patch.digest)) return conclude(s);
    const objection = objectionToGiven(patch, s);
    return objection === undefined ? insertion(patch, s) : conclude(s, objection);
  }
  const file = files[s.run.given.length];
  if (file !== undefined) return { do: 'take-in', file };
  return unloadReplaced(s) ?? conclude(s);
}

/* ---- revert and disable ---- */

/** Everything of ours leaves the kernel: the one in transition first (EBUSY), then the newest. */
function removal(s: Situation): Action | undefined {
  const all = s.goal.kind === 'revert' && s.goal.all;
  const ours = held(s).filter(
    ({ live, module, patch }) =>
      patch !== undefined || (all && live !== undefined) || s.run.taken.includes(module.name),
  );
  const age = ({ patch }: Holding) => s.state.applied.findIndex(({ digest }) => digest === patch?.digest);
  const order = (one: Holding, other: Holding) =>
    Number(other.live?.inTransition ?? false) - Number(one.live?.inTransition ?? false) ||
    age(other) - age(one);
  for (const holding of ours.toSorted(order)) {
    const action = remove(holding, 'reverted', s);
    if (action !== undefined) return action;
  }
  // What is out of use has nothing more to settle, even if its module stays loaded.
  const over = s.pending.find(
    (pending) => isUnsettled(pending, s.machine) && holdingOf(pending.patch.digest, s)?.live === undefined,
  );
  return over && { do: 'clear-pending', pending: over };
}

function reverted(s: Situation): Action {
  const [failure] = s.run.failures;
  if (failure !== undefined) return fail(failure.error, s.state.held);
  const { removed, stuck } = s.run;
  if (s.run.taken.length === 0 && stuck.length === 0) {
    return fail(nothingToRevert(strangers(s)), s.state.held);
  }
  return {
    do: 'done',
    result: { kind: 'reverted', patches: [...removed], stillLoaded: [...stuck] },
    held: [],
  };
}

/** Nothing that is broken may keep a machine from being disabled; only a kernel that does not let go does. */
function decommission(s: Situation): Action {
  const [failure] = s.run.failures.filter(({ action }) => /^(disable |wait-for-idle)/.test(action));
  if (failure !== undefined) return fail(failure.error, s.state.held);
  if (!s.run.erased) return { do: 'erase' };
  if (!s.run.unregistered && s.run.serverNotTold === undefined) return { do: 'unregister' };
  const result: Result = {
    kind: 'disabled',
    wasEnabled: s.enabled,
    stillPatched: held(s).flatMap(({ live, patch }) => (live?.enabled && patch ? patch.version : [])),
    stillLoaded: [...s.run.stuck],
    serverNotTold: s.run.serverNotTold,
  };
  return { do: 'done', result, held: [] };
}

/* ---- the end ---- */

/** The end of a run: what is left to be done whatever came of it, then its result. @param reason why it ends here. */
function conclude(s: Situation, reason?: Hold): Action {
  const rest = [putBack(s), unloadReplaced(s), askForCves(s)];
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
  return isFinal(action) ? undefined : action;
}

function askForCves({ enabled, mode, run }: Situation): Action | undefined {
  const due = run.check === 'done' && mode.contact && enabled && !run.cvesDone;
  return due ? { do: 'fetch-cves' } : undefined;
}

function end(s: Situation, reason?: Hold): Action {
  const all = [...(reason ? [reason] : []), ...holdsOf(s)];
  const [failure] = s.run.failures.filter((one) => !isExcused(one.action, s));
  if (failure !== undefined && s.goal.kind !== 'enable') return fail(failure.error, all);
  const result = s.run.applied.length > 0 ? applied(s, all) : nothingDone(s, all, reason);
  if (s.goal.kind !== 'enable') return { do: 'done', result, held: all };
  return { do: 'done', result: { kind: 'enabled', first: failure?.error ?? result }, held: all };
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

/** All that is held back now: of what the source has, and of what this kernel had. Newest first. */
function holdsOf(s: Situation): Hold[] {
  if (s.config instanceof LivepatchError) return [];
  const named = choose(s).held;
  const ours = remembered(s)
    .filter((patch) => !isInKernel(patch, s))
    .flatMap((patch) => objectionTo(patch, s, { ours: true }) ?? []);
  const reverted = s.state.reverted
    .filter(({ kernel }) => kernel === s.machine.kernel)
    .flatMap((patch) => (isInKernel(patch, s) ? [] : (objectionTo(patch, s, { ours: true }) ?? [])));
  const rest = [...ours, ...reverted].filter((one) => !named.some(({ version }) => version === one.version));
  return [...named, ...rest];
}

function kept(s: Situation, why: KeptWhy): Action {
  return { do: 'done', result: { kind: 'kept', why, held: s.state.held }, held: s.state.held };
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
  const { chosen } = choose(s);
  return chosen === undefined || s.payloads.includes(chosen.sha256);
}
