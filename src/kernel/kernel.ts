import type { LivePatch, Machine } from '../types.ts';
import { disableLivePatch, listLivePatches, settle } from './livepatches.ts';
import { readMachine } from './machine.ts';
import { insertModule, moduleRefcount, removeModule } from './modules.ts';

/** The running kernel, as operations see it; tests hand in a fake that passes the same contract tests. */
export interface Kernel {
  /** @throws LivepatchError `unsupported-kernel` on an architecture without patches, `general` without a machine id. */
  machine(): Machine;
  /** @returns undefined when this kernel cannot be live-patched at all. */
  livePatches(): LivePatch[] | undefined;
  /**
   * Inserts the module that an open descriptor holds. Returns when its transition has *started*; see `settle`.
   * @throws LivepatchError `kernel-refused`
   */
  insert(fd: number): Promise<void>;
  /**
   * Waits until a patch's transition is over.
   * @throws LivepatchError `transition` when it stalls or the patch vanishes.
   */
  settle(name: string): Promise<void>;
  /**
   * Takes a patch out of use and waits until the kernel has let go of it. Also cancels a running transition.
   * @throws LivepatchError `transition`, `kernel-refused`
   */
  disable(name: string): Promise<void>;
  /** Whether a module is loaded, live patch or not. */
  isLoaded(name: string): boolean;
  /**
   * Unloads a module that nothing uses any more, waiting a little for its users to let go. No error when it is gone.
   * @throws LivepatchError `kernel-refused`
   */
  remove(name: string): Promise<void>;
}

/** The kernel under `root`, which is `/` but in tests. */
export function linuxKernel(root = '/'): Kernel {
  return {
    machine: () => readMachine(root),
    livePatches: () => listLivePatches(root),
    insert: (fd) => insertModule(fd),
    settle: (name) => settle(root, name),
    disable: (name) => disableLivePatch(root, name),
    isLoaded: (name) => moduleRefcount(root, name) !== undefined,
    remove: (name) => removeModule(root, name),
  };
}
