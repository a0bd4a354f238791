import { holdings } from '../policy/identity.ts';
import { compareVersions } from '../policy/version.ts';
import type { Advice, AppliedPatch, Hold, KernelState, Machine, PatchState, State } from '../types.ts';
import { adviceFor, coverageOf } from './support.ts';

/** What the kernel holds of what is remembered. */
export interface InKernel {
  /** Ours, enabled and at rest: what the running kernel is patched with. Oldest first. */
  inUse: AppliedPatch[];
  /** Ours by what is remembered for this kernel, and not in use. Oldest first. */
  missing: AppliedPatch[];
  /** A patch is being put into the kernel, ours or another tool's, or one of ours is being taken out. */
  changing: boolean;
  /** Modules of live patches that are loaded and not in use as ours: replaced, disabled, or not ours. */
  others: string[];
}

/** Pending insertions are left out: only root can read them, and status tells everybody the same. */
export function inKernel(kernel: KernelState, state: State, machine: Machine): InKernel {
  const held = holdings(kernel, { state, pending: [], bootId: machine.bootId });
  const settled = held.filter(({ live, patch }) => patch && live?.enabled && !live.inTransition);
  const isInUse = ({ digest }: AppliedPatch) => settled.some(({ patch }) => patch?.digest === digest);
  const applied = state.applied.filter((patch) => patch.kernel === machine.kernel);
  return {
    // A patch that is being replaced is in use until the other one's transition is over.
    inUse: [...state.replaced, ...applied].filter(isInUse),
    missing: applied.filter((patch) => !isInUse(patch)),
    changing:
      (kernel.livePatches ?? []).some(({ enabled, inTransition }) => enabled && inTransition) ||
      held.some(({ live, patch }) => patch && live?.inTransition),
    others: held
      .filter(({ live, patch }) => patch === undefined || live === undefined)
      .map(({ module }) => module.name),
  };
}

export interface PatchFacts {
  state: State;
  machine: Machine;
  kernel: KernelState;
  now: Date;
}

/**
 * How far patching got on the running kernel. What the kernel says goes before what is remembered, and `applied` and
 * `nothing-to-apply` are said only when they are true: others decide on them that a reboot can wait. So a newer patch
 * that is held back, by a setting, by its phase, by a revert, makes it `unapplied` like one that is waiting: what it
 * fixes stays open. Only what is older or withdrawn is nothing that is missed. How old the last check is changes nothing
 * here: that is another field's to say.
 */
export function patchStateOf({ state, machine, kernel, now }: PatchFacts): PatchState {
  const { changing, inUse, missing } = inKernel(kernel, state, machine);
  const advice = adviceFor(machine, state);
  const isNewer = newerThan(inUse);
  const { failure, held: all } = lastDecisions(state, machine);
  const held = all.filter((hold) => isNewer(hold) && isMissed(hold));

  if (changing) return 'applying';
  if (inUse.some(({ bug }) => bug)) return 'applied-with-bug';
  if ((failure && isNewer(failure)) || held.some(isBlamed)) return 'apply-failed';
  if (held.length > 0 || due(advice, state, machine).some(isNewer)) return 'unapplied';
  // Gone within this boot: something took it out. Gone since the last boot: it has not been applied again yet.
  if (missing.length > 0)
    return missing.some(({ bootId }) => bootId === machine.bootId) ? 'unknown' : 'unapplied';
  if (inUse.length > 0) return 'applied';
  if (advice === undefined) return 'unknown';
  return coverageOf(advice, now).upgradeReason === 'vulnerability'
    ? 'kernel-upgrade-required'
    : 'nothing-to-apply';
}

/** What came of the last decisions, unless they were about the kernel before this one. */
export function lastDecisions(
  { advice, failure, held }: State,
  { kernel }: Machine,
): Pick<State, 'failure' | 'held'> {
  return advice !== undefined && advice.kernel !== kernel ? { held: [] } : { failure, held };
}

/** The machine crashed with it, or the kernel found a bug in it. */
export function isBlamed({ why }: Hold): boolean {
  return why === 'crashed' || why === 'kernel-bug';
}

/** What an older patch fixes, the newer one in use fixes too; what is withdrawn nobody is to have. */
function isMissed({ why }: Hold): boolean {
  return why !== 'rollback' && why !== 'withdrawn';
}

/** What there is for this kernel: as the source names it, or as it was taken out, where no source has been heard. */
function due(
  advice: Advice | undefined,
  { reverted }: State,
  { kernel }: Machine,
): { version: string; digest: string }[] {
  if (advice === undefined) return reverted.filter((patch) => patch.kernel === kernel);
  const withdrawn = new Set(advice.withdrawn.map(({ digest }) => digest));
  return advice.candidates.filter(({ digest }) => !withdrawn.has(digest));
}

function newerThan(inUse: readonly AppliedPatch[]): (patch: { version: string }) => boolean {
  return ({ version }) => inUse.every((patch) => compareVersions(version, patch.version) > 0);
}
