import type { Architecture, Fix, LivePatch, Machine, PatchState, Remembered, Support } from '../types.ts';
import { patchStateOf } from './patch-state.ts';

/** The status document: built once, rendered in several ways. It holds no secret. */
export interface StatusDocument {
  clientVersion: string;
  machineId: string;
  architecture: Architecture;
  cpuModel: string;
  /** Undefined before the first check. */
  lastCheck: string | undefined;
  /** Why the last check failed, when it did. */
  checkError: string | undefined;
  bootTime: string;
  uptimeSeconds: number;
  kernel: string;
  checkState: 'checked' | 'needs-check' | 'check-failed';
  patchState: PatchState;
  /** Why a patch that is due is not in the kernel. */
  failure: Remembered['failure'];
  /** The patch that is due and held back, and why. */
  held: Remembered['held'];
  /** Of the patch that is in the kernel; empty when none is. */
  version: string;
  fixes: Fix[];
  /** What else patches the kernel, or lies loaded in it: left over from a patch that was replaced, or not ours. */
  others: string[];
  /** Why nothing is remembered, when the record cannot be understood. */
  recordError: string | undefined;
  support: Support;
  upgradeRequiredDate: string | undefined;
  tier: string | undefined;
  /** When it was built; what "ago" is counted from. */
  now: Date;
}

export interface StatusSources {
  clientVersion: string;
  machine: Machine;
  livePatches: readonly LivePatch[];
  remembered: Remembered;
  others: string[];
  recordError: string | undefined;
  now: Date;
}

export function statusDocument({
  clientVersion,
  machine,
  livePatches,
  remembered,
  others,
  recordError,
  now,
}: StatusSources): StatusDocument {
  const { advice, lastCheck, patch } = remembered;
  const inKernel = livePatches.some(({ name, enabled }) => enabled && name === patch?.module);
  return {
    clientVersion,
    machineId: machine.id,
    architecture: machine.architecture,
    cpuModel: machine.cpuModel,
    lastCheck: lastCheck?.at,
    checkError: lastCheck?.error,
    bootTime: machine.bootTime,
    uptimeSeconds: machine.uptimeSeconds,
    kernel: machine.kernel,
    checkState: checkStateOf(remembered),
    patchState: patchStateOf(remembered, machine, livePatches),
    failure: remembered.failure,
    held: remembered.held,
    version: inKernel && patch !== undefined ? patch.version : '',
    fixes: inKernel && patch !== undefined ? patch.fixes : [],
    others,
    recordError,
    support: advice?.support ?? 'unknown',
    upgradeRequiredDate: advice?.upgradeRequiredDate,
    tier: advice?.tier,
    now,
  };
}

function checkStateOf({ lastCheck }: Remembered): StatusDocument['checkState'] {
  if (lastCheck === undefined) return 'needs-check';
  return lastCheck.error === undefined ? 'checked' : 'check-failed';
}
