import type { LivePatch, Machine, PatchState, Remembered } from '../types.ts';

/**
 * How far patching got on the running kernel. What the kernel says goes before what is remembered, and `applied`
 * and `nothing-to-apply` are said only when they are true: others decide on them that a reboot can wait.
 */
export function patchStateOf(
  { patch, advice, failure }: Remembered,
  machine: Pick<Machine, 'bootId'>,
  livePatches: readonly LivePatch[],
): PatchState {
  const inKernel = livePatches.find(({ name }) => name === patch?.module);
  if (inKernel?.inTransition) return 'applying';
  if (failure !== undefined) return 'apply-failed';
  if (advice?.support === 'kernel-upgrade-required') return 'kernel-upgrade-required';
  if (inKernel?.enabled) return 'applied';
  if (patch !== undefined && patch.bootId === machine.bootId) return 'unknown';
  if (advice === undefined) return 'unknown';
  return advice.offer === undefined ? 'nothing-to-apply' : 'unapplied';
}
