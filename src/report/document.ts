import { LIMITS } from '../limits.ts';
import type { Secret } from '../secret.ts';
import type {
  Advice,
  AppliedPatch,
  Architecture,
  Fix,
  Freshness,
  Hold,
  HoldReason,
  KeptCves,
  KernelState,
  Machine,
  Mode,
  PatchState,
  State,
  Support,
} from '../types.ts';
import { noticeOf } from './format.ts';
import { inKernel, lastDecisions, patchStateOf } from './patch-state.ts';
import { adviceFor, coverageOf, type UpgradeReason } from './support.ts';

/** The status document: built once, rendered in several ways. */
export interface StatusDocument {
  clientVersion: string;
  machineId: string;
  /** The only secret here, and only when root asked for it. */
  machineToken: Secret | undefined;
  architecture: Architecture;
  cpuModel: string;
  /** Undefined before the first check. */
  lastCheck: string | undefined;
  /** Why the last check failed, when it did. */
  checkError: string | undefined;
  /** Undefined when none ever succeeded. */
  lastGoodCheck: string | undefined;
  /** The newest state of a catalogue that was seen; undefined when patches come from a server. */
  freshness: Freshness | undefined;
  /** No check has succeeded for so long that what is said here may be outdated. */
  outdated: boolean;
  bootTime: string;
  uptimeSeconds: number;
  /** As patches name it, and as `uname -r` does. */
  kernel: string;
  release: string;
  /** The kill switch. */
  mode: Mode;
  checkState: 'checked' | 'needs-check' | 'check-failed';
  patchState: PatchState;
  /** The last kernel had to be upgraded, and this is another one, which was not asked about yet. */
  upgraded: boolean;
  /** Why a patch that is due is not in the kernel. */
  failure: State['failure'];
  /** The patches that are held back, newest first, and why. */
  held: Hold[];
  /** Those of them that the configuration keeps from this machine. */
  blocked: Blocked[];
  /** The newest of the patches in use; empty when none is. */
  version: string;
  /** The versions of all patches in use, oldest first: one, or a stack. */
  stack: string[];
  /** Of all patches in use. */
  fixes: Fix[];
  /** Versions that were applied in this boot and are no longer in use, while nothing is being changed. */
  missing: string[];
  /** Versions in use that their source has withdrawn. */
  withdrawn: string[];
  /** The kernel is changing between two patches, or between one and none. */
  inTransition: boolean;
  /** How long it took to put the newest patch in. */
  transitionSeconds: number | undefined;
  /** What else patches the kernel, or is still loaded: left over from a patch that was replaced, or not ours. */
  others: string[];
  /** What of the configuration should be known. */
  warnings: string[];
  /** Why nothing is remembered, when the state file cannot be understood. */
  stateError: string | undefined;
  support: Support;
  /** Why the kernel has to be upgraded, when `support` says that it has. */
  upgradeReason: UpgradeReason | undefined;
  upgradeRequiredDate: string | undefined;
  tier: string | undefined;
  /** What is known of newer kernel packages; undefined before a server told. */
  cves: KeptCves | undefined;
  /** The kernels that are installed, by release; empty when that is not known. */
  installedKernels: string[];
  /** When it was built; what "ago" is counted from. */
  now: Date;
}

/** A patch that a setting holds back, and the vulnerabilities that stay open because of it. */
export interface Blocked {
  option: 'cutoff-date' | 'patch-delay';
  version: string;
  /** `LSN-0113-1`, when the version is of that form. */
  notice: string | undefined;
  cves: string[];
  releasedAt: string;
}

export interface StatusSources {
  clientVersion: string;
  machine: Machine;
  mode: Mode;
  /** With every loaded module that is a live patch. */
  kernel: KernelState;
  state: State;
  stateError: string | undefined;
  cves?: KeptCves | undefined;
  installedKernels: string[];
  machineToken?: Secret | undefined;
  now: Date;
}

export function statusDocument(sources: StatusSources): StatusDocument {
  const { clientVersion, cves, kernel, machine, mode, now, state, stateError } = sources;
  const { lastCheck, lastGoodCheck } = state;
  const advice = adviceFor(machine, state);
  const { changing, inUse, missing, others } = inKernel(kernel, state, machine);
  const { failure, held } = lastDecisions(state, machine);
  const outdated =
    lastGoodCheck !== undefined && now.getTime() - Date.parse(lastGoodCheck.at) > LIMITS.report.goodCheckAge;
  return {
    clientVersion,
    machineId: machine.id,
    machineToken: sources.machineToken,
    architecture: machine.architecture,
    cpuModel: machine.cpuModel,
    lastCheck: lastCheck?.at,
    checkError: lastCheck?.error,
    lastGoodCheck: lastGoodCheck?.at,
    freshness: lastGoodCheck?.freshness,
    outdated,
    bootTime: machine.bootTime,
    uptimeSeconds: machine.uptimeSeconds,
    kernel: machine.kernel,
    release: machine.release,
    mode,
    checkState: checkStateOf(state, advice, outdated),
    patchState: patchStateOf(sources),
    upgraded: advice === undefined && wantedUpgrade(state.advice),
    failure,
    held,
    blocked: held.flatMap(blocked),
    version: inUse.at(-1)?.version ?? '',
    stack: versionsOf(inUse),
    fixes: fixesOf(inUse),
    missing: changing ? [] : versionsOf(missing.filter(({ bootId }) => bootId === machine.bootId)),
    withdrawn: versionsOf(inUse.filter((patch) => isWithdrawn(patch, advice))),
    inTransition: (kernel.livePatches ?? []).some(({ inTransition }) => inTransition),
    transitionSeconds: inUse.at(-1)?.transitionSeconds,
    others,
    warnings: state.warnings,
    stateError,
    ...coverageOf(advice, now),
    upgradeRequiredDate: advice?.upgradeRequiredDate,
    tier: state.advice?.tier,
    // Data about another kernel says nothing about this one.
    cves: cves?.kernel === machine.kernel ? cves : undefined,
    installedKernels: sources.installedKernels,
    now,
  };
}

function versionsOf(patches: readonly AppliedPatch[]): string[] {
  return patches.map(({ version }) => version);
}

function wantedUpgrade(advice: Advice | undefined): boolean {
  return advice?.support === 'kernel-upgrade-required' || advice?.support === 'kernel-end-of-life';
}

function checkStateOf(
  { lastCheck }: State,
  advice: Advice | undefined,
  outdated: boolean,
): StatusDocument['checkState'] {
  if (lastCheck?.error !== undefined) return 'check-failed';
  return lastCheck === undefined || advice === undefined || outdated ? 'needs-check' : 'checked';
}

/** What one patch of a stack cannot remedy, another one may. */
function fixesOf(inUse: readonly AppliedPatch[]): Fix[] {
  const fixes = new Map<string, Fix>();
  for (const fix of inUse.flatMap((patch) => patch.fixes)) {
    const name = fix.name.toLowerCase();
    if (fix.patched || !fixes.has(name)) fixes.set(name, fix);
  }
  return [...fixes.values()];
}

function isWithdrawn({ digest }: AppliedPatch, advice: Advice | undefined): boolean {
  return advice?.withdrawn.some((patch) => patch.digest === digest) ?? false;
}

function blocked({ missed, releasedAt, version, why }: Hold): Blocked[] {
  return isOption(why) ? [{ option: why, version, notice: noticeOf(version), cves: missed, releasedAt }] : [];
}

function isOption(why: HoldReason): why is Blocked['option'] {
  return why === 'cutoff-date' || why === 'patch-delay';
}
