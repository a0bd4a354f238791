import type { LivePatch, Machine, PatchState, State } from '../types.ts';

/**
 * How far patching got on the running kernel. What the kernel says goes before what is remembered, and `applied`
 * and `nothing-to-apply` are said only when they are true: others decide on them that a reboot can wait.
 */
export function patchStateOf(
  { advice, failure, held, patch, reverted }: State,
  machine: Pick<Machine, 'bootId'>,
  livePatches: readonly LivePatch[],
): PatchState {
  const inKernel = livePatches.find(({ name }) => name === patch?.module);
  if (inKernel?.inTransition) return 'applying';
  if (inKernel?.enabled && patch?.bug) return 'applied-with-bug';
  if (failure !== undefined || held?.why === 'crashed' || held?.why === 'kernel-bug') return 'apply-failed';
  if (advice?.support === 'kernel-upgrade-required') return 'kernel-upgrade-required';
  // A newer one that is held back is due all the same: "applied" would say that nothing more is.
  if (held !== undefined && held.why !== 'rollback') return 'unapplied';
  if (inKernel?.enabled) return 'applied';
  if (patch !== undefined && patch.bootId === machine.bootId && patch.version !== reverted) return 'unknown';
  if (advice === undefined) return 'unknown';
  return advice.offer === undefined ? 'nothing-to-apply' : 'unapplied';
}
