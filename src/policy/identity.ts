import type { KernelState, LivePatch, LoadedModule, Patch, PendingInsertion, State } from '../types.ts';

/** A module in the kernel, and which patch of ours it is. */
export interface Holding {
  module: LoadedModule;
  /** Undefined when the kernel no longer holds it as a patch: it was replaced, or disabled and not yet unloaded. */
  live: LivePatch | undefined;
  /** Undefined when nothing that is remembered says that we inserted it: it is somebody else's, or our memory is lost. */
  patch: Patch | undefined;
}

/** What is remembered of patches, and the boot that it is asked in. */
export interface Memory {
  state: Pick<State, 'applied' | 'replaced'>;
  pending: readonly PendingInsertion[];
  bootId: string;
}

/**
 * What each module is that the kernel was looked at for. Ours is what we inserted in this boot, by its build id: a name
 * is only a name, that anybody may give to a module of his own. Where neither the kernel nor the file has a build id,
 * the entry of this boot is all that can be known.
 */
export function holdings({ livePatches = [], loaded }: KernelState, memory: Memory): Holding[] {
  return loaded.map((module) => ({
    module,
    live: livePatches.find(({ name }) => name === module.name),
    patch: identify(module, memory),
  }));
}

/**
 * An entry that was applied goes before one that is pending: the old module of the name is dropped from what is applied
 * when it is unloaded, which comes before the new one is inserted.
 */
function identify(module: LoadedModule, { bootId, pending, state }: Memory): Patch | undefined {
  const isIt = (patch: Patch) => patch.module === module.name && patch.buildId === module.buildId;
  return (
    [...state.applied, ...state.replaced].find((patch) => patch.bootId === bootId && isIt(patch)) ??
    pending.find((one) => one.bootId === bootId && isIt(one.patch))?.patch
  );
}
