import { createHash } from 'node:crypto';
import { LIMITS } from '../limits.ts';
import type { Advice, Candidate, Config, Hold, HoldReason, Patch, PendingInsertion } from '../types.ts';
import { isUnsettled, ruleOn } from './crash-guard.ts';
import { holdings } from './identity.ts';
import type { Goal, Situation } from './loop.ts';
import { compareVersions } from './version.ts';

/** What of a patch decides whether it may go in, whether a source names it or it is remembered. */
export type Eligible = Pick<Candidate, 'version' | 'digest' | 'releasedAt' | 'fixes' | 'phase'>;

/** What the source's list comes to. */
export interface Choice {
  /** The newest that policy allows, when it is not in the kernel. */
  chosen: Candidate | undefined;
  /** What is newer than that and held back, newest first. */
  held: Hold[];
}

/** A rule: why a patch is held back, or undefined when this rule has nothing against it. */
type Rule = (patch: Eligible, situation: Situation) => [HoldReason, message: string] | undefined;

/** In this order; the first that objects is what a person is told. */
const RULES: readonly Rule[] = [withdrawn, tooNew, tooYoung, notItsTurn, crashed, reverted];
/** For what was in this kernel before: it stays, whatever policy says of patches to come. */
const RULES_FOR_OURS: readonly Rule[] = [withdrawn, crashed, reverted];

/**
 * The newest candidate that policy allows. The list is cumulative, so what is older than a patch that this kernel had is
 * never chosen: it would open again what was closed, which is what an attacker with an old, genuine patch would want.
 */
export function choose(situation: Situation): Choice {
  const held: Hold[] = [];
  const floor = floorOf(situation);
  let floorSeen = false;
  for (const candidate of candidatesOf(situation)) {
    if (isInKernel(candidate, situation)) return { chosen: undefined, held };
    const order = floor === undefined ? 1 : compareVersions(candidate.version, floor.version);
    floorSeen ||= candidate.digest === floor?.digest;
    if (floor !== undefined && (order < 0 || (order === 0 && candidate.digest !== floor.digest))) {
      return { chosen: undefined, held: floorSeen ? held : [...held, rolledBack(candidate, floor)] };
    }
    const objection = objectionTo(candidate, situation);
    if (objection === undefined) return { chosen: candidate, held };
    held.push(objection);
  }
  return { chosen: undefined, held };
}

/** Every patch that the source has for this kernel, newest first; what it said of another kernel says nothing. */
export function candidatesOf({ machine, state: { advice } }: Situation): readonly Candidate[] {
  return advice?.kernel === machine.kernel ? advice.candidates : [];
}

/** Why a patch must not go into the kernel now. @param ours it was in this kernel before. */
export function objectionTo(patch: Eligible, situation: Situation, { ours = false } = {}): Hold | undefined {
  for (const rule of ours ? RULES_FOR_OURS : RULES) {
    const objection = rule(patch, situation);
    if (objection !== undefined) return hold(patch, ...objection);
  }
  return undefined;
}

/** A patch that is held back, and what is missed by that. */
export function hold({ fixes, releasedAt, version }: Eligible, why: HoldReason, message: string): Hold {
  const missed = fixes.filter(({ patched }) => patched).map(({ name }) => name);
  return { version, why, message, missed, releasedAt };
}

/**
 * Why a patch that an administrator names must not go in. Cutoff, delay, phase and an earlier revert do not count: a
 * person asks. What the source withdrew, what crashed this machine and what is older than what was applied still does.
 */
export function objectionToGiven(patch: Patch, situation: Situation): Hold | undefined {
  const floor = floorOf(situation);
  if (
    floor !== undefined &&
    floor.digest !== patch.digest &&
    compareVersions(patch.version, floor.version) <= 0
  )
    return rolledBack(patch, floor);
  for (const rule of [withdrawn, crashed]) {
    const objection = rule(patch, situation);
    if (objection !== undefined) return hold(patch, ...objection);
  }
  return undefined;
}

/** Whether the kernel holds this very patch, enabled or on its way. */
export function isInKernel(
  { digest }: { digest: string },
  { kernel, machine, pending, state }: Situation,
): boolean {
  return holdings(kernel, { state, pending, bootId: machine.bootId }).some(
    ({ live, patch }) => patch?.digest === digest && live?.enabled,
  );
}

/** Whether its source has withdrawn a patch. Withdrawal goes by the digest: a label could be anybody's. */
export function isWithdrawn(
  patch: { digest: string },
  { advice }: { advice?: Pick<Advice, 'withdrawn'> | undefined },
): boolean {
  return advice?.withdrawn.some(({ digest }) => digest === patch.digest) ?? false;
}

/** The newest patch that this kernel had; one that its source withdrew, on a trusted way, makes room for an older one. */
function floorOf({ machine, sourceTrusted, state }: Situation): Patch | undefined {
  return [...state.applied, ...state.reverted]
    .filter(({ kernel }) => kernel === machine.kernel)
    .filter((patch) => !(sourceTrusted && isWithdrawn(patch, state)))
    .toSorted((one, other) => compareVersions(one.version, other.version))
    .at(-1);
}

/** Nothing is missed by it: what an older patch would fix, the newer one has fixed. */
function rolledBack(patch: Eligible, floor: Patch): Hold {
  const message =
    patch.version === floor.version
      ? `patch ${patch.version} is not the ${floor.version} that was applied to this kernel`
      : `patch ${patch.version} is older than ${floor.version}, which was applied to this kernel`;
  return { ...hold(patch, 'rollback', message), missed: [] };
}

function withdrawn(patch: Eligible, { state }: Situation): ReturnType<Rule> {
  return isWithdrawn(patch, state) ? ['withdrawn', `patch ${patch.version} was withdrawn`] : undefined;
}

function tooNew({ releasedAt, version }: Eligible, { config }: Situation): ReturnType<Rule> {
  const { cutoffDate } = config as Config;
  if (cutoffDate === undefined || Date.parse(releasedAt) <= Date.parse(cutoffDate)) return undefined;
  return ['cutoff-date', `patch ${version} was released after the cutoff-date ${cutoffDate}`];
}

function tooYoung({ releasedAt, version }: Eligible, { config, now }: Situation): ReturnType<Rule> {
  const { patchDelay } = config as Config;
  const due = new Date(Date.parse(releasedAt) + patchDelay);
  // Without a delay the clock has no say: one that was set back must not hold a fix back.
  if (patchDelay === 0 || due <= now) return undefined;
  return ['patch-delay', `patch ${version} waits for its patch-delay until ${due.toISOString()}`];
}

/** A phase lets so many per cent of machines in; which ones, differs from patch to patch. */
function notItsTurn({ phase, version }: Eligible, { goal, machine }: Situation): ReturnType<Rule> {
  if (phase === undefined || asksFor(goal, 'skipPhase') || turnOf(machine.id, version) < phase)
    return undefined;
  return [
    'phase',
    `patch ${version} is being released in phases and has reached ${phase} % of machines, not yet this one`,
  ];
}

/** A machine's place in the release of a version: from 0 up to but not 100, always the same. */
export function turnOf(machineId: string, version: string): number {
  const digest = createHash('sha256').update(`${machineId} ${version}`).digest();
  return (digest.readUInt32BE(0) / 2 ** 32) * 100;
}

function crashed(patch: Eligible, situation: Situation): ReturnType<Rule> {
  if (asksFor(situation.goal, 'retryBlocked')) return undefined;
  const pending = pendingOf(patch, situation);
  const ruling = ruleOn(pending, situation.machine, LIMITS.kernel.cleanTime / 1000);
  if (pending === undefined || ruling.ruling === 'go') return undefined;
  const { version } = patch;
  const told = `(see locks/${pending.patch.module}_${version})`;
  if (ruling.ruling === 'not-yet') {
    return [
      'not-yet',
      `the machine went down while patch ${version} was being applied; it is tried once more after ${ruling.uptimeSeconds / 60} minutes of uptime ${told}`,
    ];
  }
  return ruling.why === 'crashed'
    ? ['crashed', `the machine went down twice while patch ${version} was being applied ${told}`]
    : ['kernel-bug', `the kernel found a bug in patch ${version} ${told}`];
}

function reverted(patch: Eligible, { goal, machine, pending, state }: Situation): ReturnType<Rule> {
  if (asksFor(goal, 'retryBlocked')) return undefined;
  if (!state.reverted.some(({ digest, kernel }) => digest === patch.digest && kernel === machine.kernel))
    return undefined;
  // The administrator asked for it again, and the run that did so was killed: it is finished.
  if (pending.some((one) => one.patch.digest === patch.digest && isUnsettled(one, machine))) return undefined;
  return ['reverted', `patch ${patch.version} was taken out of the kernel by an administrator`];
}

/** Which try this would be. An administrator's wish begins anew. */
export function attemptAt(patch: Eligible, situation: Situation): number {
  const pending = asksFor(situation.goal, 'retryBlocked') ? undefined : pendingOf(patch, situation);
  const ruling = ruleOn(pending, situation.machine, LIMITS.kernel.cleanTime / 1000);
  return ruling.ruling === 'go' ? ruling.attempt : 1;
}

/** What an earlier try of this patch on this kernel left behind; a file that cannot be understood fits any kernel. */
function pendingOf(
  { digest, version }: Eligible,
  { machine, pending }: Situation,
): PendingInsertion | undefined {
  return pending.find(({ patch }) =>
    patch.digest === ''
      ? patch.version === version
      : patch.digest === digest && patch.kernel === machine.kernel,
  );
}

export function asksFor(goal: Goal, option: 'retryBlocked' | 'skipPhase'): boolean {
  return goal.kind === 'refresh' && goal[option];
}
