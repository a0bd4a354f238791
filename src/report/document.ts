import { LIMITS } from '../limits.ts';
import type { Secret } from '../secret.ts';
import type {
  Advice,
  Architecture,
  Fix,
  HoldReason,
  KeptCves,
  LivePatch,
  Machine,
  PatchState,
  State,
  Support,
} from '../types.ts';
import { noticeOf } from './format.ts';
import { patchStateOf } from './patch-state.ts';

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
  /** No check has succeeded for so long that what is said here may be outdated. */
  outdated: boolean;
  bootTime: string;
  uptimeSeconds: number;
  kernel: string;
  checkState: 'checked' | 'needs-check' | 'check-failed';
  patchState: PatchState;
  /** The last kernel had to be upgraded, and this is another one, which was not asked about yet. */
  upgraded: boolean;
  /** Why a patch that is due is not in the kernel. */
  failure: State['failure'];
  /** The patch that is due and held back, and why. */
  held: State['held'];
  /** What the configuration keeps from this machine. */
  blocked: Blocked | undefined;
  /** Of the patch that is in the kernel; empty when none is. */
  version: string;
  fixes: Fix[];
  /** The kernel is changing between two patches, or between one and none. */
  inTransition: boolean;
  /** How long it took to put the patch in that is there now. */
  transitionSeconds: number | undefined;
  /** What else patches the kernel, or lies loaded in it: left over from a patch that was replaced, or not ours. */
  others: string[];
  /** What of the configuration should be known. */
  warnings: string[];
  /** Why nothing is remembered, when the state file cannot be understood. */
  stateError: string | undefined;
  support: Support;
  upgradeRequiredDate: string | undefined;
  tier: string | undefined;
  /** What is known of kernel packages and this kernel; undefined before a server told. */
  cves: Cves | undefined;
  /** When it was built; what "ago" is counted from. */
  now: Date;
}

/** CVE data, and the kernels that are installed, by release. */
interface Cves extends KeptCves {
  installedKernels: string[];
}

/** A patch that a setting holds back, and the vulnerabilities that stay open because of it. */
export interface Blocked {
  option: 'cutoff-date' | 'patch-delay';
  version: string;
  /** `LSN-0113-1`, when the version is of that form. */
  notice: string | undefined;
  cves: string[];
  /** Plain date, when known. */
  published: string | undefined;
}

export interface StatusSources {
  clientVersion: string;
  machine: Machine;
  livePatches: readonly LivePatch[];
  state: State;
  others: string[];
  stateError: string | undefined;
  cves?: KeptCves | undefined;
  installedKernels: string[];
  machineToken?: Secret | undefined;
  now: Date;
}

export function statusDocument(sources: StatusSources): StatusDocument {
  const { clientVersion, machine, livePatches, state, others, stateError, now } = sources;
  const { lastCheck, lastGoodCheck, patch } = state;
  const advice = adviceFor(machine, state);
  const inKernel = livePatches.some(({ name, enabled }) => enabled && name === patch?.module);
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
    outdated,
    bootTime: machine.bootTime,
    uptimeSeconds: machine.uptimeSeconds,
    kernel: machine.kernel,
    checkState: checkStateOf(state, advice, outdated),
    patchState: patchStateOf({ ...state, advice }, machine, livePatches),
    upgraded: advice === undefined && wantedUpgrade(state.advice),
    failure: state.failure,
    held: state.held,
    blocked: blockedBy(state),
    version: inKernel && patch !== undefined ? patch.version : '',
    fixes: inKernel && patch !== undefined ? patch.fixes : [],
    inTransition: livePatches.some((one) => one.inTransition),
    transitionSeconds: inKernel ? patch?.transitionSeconds : undefined,
    others,
    warnings: state.warnings ?? [],
    stateError,
    support: supportOf(advice, now),
    upgradeRequiredDate: advice?.upgradeRequiredDate,
    tier: state.advice?.tier,
    cves: cvesFor(sources),
    now,
  };
}

/** What was advised for another kernel, before the machine was booted into this one, says nothing about this one. */
function adviceFor({ kernel }: Machine, { advice, lastGoodCheck }: State): Advice | undefined {
  return lastGoodCheck?.kernel === undefined || lastGoodCheck.kernel === kernel ? advice : undefined;
}

/** A date of coverage passes by itself, whether or not the server was heard since. */
function supportOf(advice: Advice | undefined, now: Date): Support {
  const { support = 'unknown', upgradeRequiredDate: date } = advice ?? {};
  const isOver = date !== undefined && Date.parse(date) < now.getTime();
  return support === 'supported' && isOver ? 'kernel-upgrade-required' : support;
}

/** Data about another kernel says nothing about this one. */
function cvesFor({ cves, installedKernels, machine }: StatusSources): Cves | undefined {
  return cves?.kernel === machine.kernel ? { ...cves, installedKernels } : undefined;
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

function blockedBy({ advice, held }: State): Blocked | undefined {
  if (held === undefined || !isOption(held.why)) return undefined;
  const offer = advice?.offer?.version === held.version ? advice.offer : undefined;
  return {
    option: held.why,
    version: held.version,
    notice: noticeOf(held.version),
    cves: held.missed,
    published: offer?.releasedAt.slice(0, 10),
  };
}

function isOption(why: HoldReason): why is Blocked['option'] {
  return why === 'cutoff-date' || why === 'patch-delay';
}
