import { requirePlugs } from '../snapd/plugs.ts';
import type { KernelState, LivePatch, Machine, Mode } from '../types.ts';
import { installedKernels } from './installed.ts';
import { listLivePatches } from './livepatches.ts';
import { readMachine } from './machine.ts';
import { readMode } from './mode.ts';
import { livePatchModules, loadedModules } from './modules.ts';

/** What anybody can see of the running kernel, for commands that only tell: they load nothing that changes it. */
export interface KernelView {
  /** In a snap, checks that it may do what the rest of this needs. @throws LivepatchError `no-permission` */
  requirePlugs(): Promise<void>;
  /** @throws LivepatchError `unsupported-kernel` on an architecture without patches, `general` without a machine id. */
  machine(): Machine;
  /** The kill switch; never throws. */
  mode(): Mode;
  /** The kernels on disk, by release; never throws. */
  installed(): string[];
  /**
   * One look at the kernel: its live patches, and which of the modules that carry their names, or one of these, are
   * loaded. Never throws.
   */
  look(names: readonly string[]): KernelState;
  /** The names of all loaded modules that are live patches, those among them that patch nothing any more. */
  modules(): string[];
}

/** The kernel under `root`, which is `/` but in tests. */
export function viewKernel(root = '/'): KernelView {
  return {
    requirePlugs,
    machine: () => readMachine(root),
    mode: () => readMode(root),
    installed: () => installedKernels(root),
    look(names) {
      const livePatches = listLivePatches(root);
      return { livePatches, loaded: loadedModules(root, [...namesOf(livePatches), ...names]) };
    },
    modules: () => livePatchModules(root),
  };
}

function namesOf(livePatches: readonly LivePatch[] = []): string[] {
  return livePatches.map(({ name }) => name);
}
