import { requirePlugs } from '../snapd/plugs.ts';
import type { KernelState, LivePatch, Machine, Mode } from '../types.ts';
import type { FaultWatch } from './faults.ts';
import type { Host } from './host.ts';
import { installedKernels } from './installed.ts';
import {
  disableLivePatch,
  listLivePatches,
  requireControl,
  waitForIdle,
  waitForTransition,
} from './livepatches.ts';
import { readMachine } from './machine.ts';
import { readMode } from './mode.ts';
import { livePatchModules, loadedModules } from './modules.ts';
import { type RefusedTarget, refusedTargets } from './refused-targets.ts';
import { type KernelSecurity, readSecurity } from './security.ts';

/** The running kernel, as operations see it; tests hand in a fake that passes the same contract tests. */
export interface Kernel {
  /** In a snap, checks that it may do what the rest of this needs. @throws LivepatchError `no-permission` */
  requirePlugs(): Promise<void>;
  /** @throws LivepatchError `unsupported-kernel` on an architecture without patches, `general` without a machine id. */
  machine(): Machine;
  /** The kill switch; never throws. */
  mode(): Mode;
  /** What decides whether a module is taken at all; never throws. */
  security(): KernelSecurity;
  /** What is around us; never throws. */
  host(): Promise<Host>;
  /** The kernels on disk, by release; never throws. */
  installed(): string[];
  /**
   * One look at the kernel: its live patches, and which of the modules that carry their names, or one of these, are
   * loaded. Never throws.
   */
  look(names: readonly string[]): KernelState;
  /** The names of all loaded modules that are live patches, those among them that patch nothing any more. */
  modules(): string[];
  /**
   * Modules that the kernel refused to load since the machine started, because a live patch could not be applied to
   * them. Reads the whole log; never throws.
   */
  refusedTargets(): RefusedTarget[];
  /** Listens to what the kernel says from now on. */
  watchFaults(): Promise<FaultWatch>;
  /**
   * Inserts the module that an open descriptor holds. Returns when its transition has *started*; see `waitForTransition`.
   * @param certificate where the signer's lies as DER: what to enrol in a kernel that does not know it.
   * @throws LivepatchError `no-permission` when it could not be taken out again, `kernel-refused`
   */
  insert(fd: number, certificate?: string): Promise<void>;
  /**
   * Waits until a patch's transition is over.
   * @throws LivepatchError `transition` when it stalls, naming the tasks that hold it up, or when the patch vanishes.
   */
  waitForTransition(name: string): Promise<void>;
  /**
   * Waits until no patch is in transition.
   * @throws LivepatchError `transition`
   */
  waitForIdle(): Promise<void>;
  /**
   * Takes a patch out of use and waits until the kernel has let go of it. Also cancels a running transition.
   * @throws LivepatchError `transition`, `kernel-refused`
   */
  disable(name: string): Promise<void>;
  /**
   * Unloads a module that nothing uses any more, waiting a little for its users to let go. No error when it is gone.
   * @throws LivepatchError `kernel-refused`
   */
  remove(name: string): Promise<void>;
}

/**
 * The kernel under `root`, which is `/` but in tests; so are kmod's programs. What changes the kernel is loaded when it
 * does, because most runs only look.
 */
export function linuxKernel(root = '/'): Kernel {
  return {
    requirePlugs,
    machine: () => readMachine(root),
    mode: () => readMode(root),
    security: () => readSecurity(root),
    host: async () => (await import('./host.ts')).readHost(),
    installed: () => installedKernels(root),
    look(names) {
      const livePatches = listLivePatches(root);
      return { livePatches, loaded: loadedModules(root, [...namesOf(livePatches), ...names]) };
    },
    modules: () => livePatchModules(root),
    refusedTargets: () => refusedTargets(root),
    watchFaults: async () => (await import('./faults.ts')).watchFaults(root),
    async insert(fd, certificate) {
      requireControl(root);
      const { insertModule } = await import('./kmod.ts');
      await insertModule(root, fd, certificate);
    },
    waitForTransition: (name) => waitForTransition(root, name),
    waitForIdle: () => waitForIdle(root),
    disable: (name) => disableLivePatch(root, name),
    remove: async (name) => (await import('./kmod.ts')).removeModule(root, name),
  };
}

function namesOf(livePatches: readonly LivePatch[] = []): string[] {
  return livePatches.map(({ name }) => name);
}
