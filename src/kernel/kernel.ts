import { requirePlugs } from '../snapd/plugs.ts';
import type { KernelState, Machine, Mode } from '../types.ts';
import { type Host, readHost } from './host.ts';
import { installedKernels } from './installed.ts';
import {
  disableLivePatch,
  listLivePatches,
  replacedFunctions,
  requireControl,
  waitForIdle,
  waitForTransition,
} from './livepatches.ts';
import type { KernelLog } from './log.ts';
import { readMachine } from './machine.ts';
import { readMode } from './mode.ts';
import { insertModule, livePatchModules, moduleBuildId, moduleRefcount, removeModule } from './modules.ts';
import { type KernelSecurity, readSecurity } from './security.ts';

/** What the kernel says from a moment on. */
export interface FaultWatch extends Disposable {
  /**
   * The report of a fault, since the watch began, that points at this module or at a function that it replaces.
   * @returns undefined when there is none, or the log may not be read.
   */
  faultOf(module: string): string[] | undefined;
}

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
  /** Listens to what the kernel says from now on. */
  watchFaults(): Promise<FaultWatch>;
  /**
   * Inserts the module that an open descriptor holds. Returns when its transition has *started*; see `waitForTransition`.
   * @throws LivepatchError `no-permission` when it could not be taken out again, `kernel-refused`
   */
  insert(fd: number): Promise<void>;
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

/** The kernel under `root`, which is `/` but in tests; so are kmod's programs. */
export function linuxKernel(root = '/'): Kernel {
  return {
    requirePlugs,
    machine: () => readMachine(root),
    mode: () => readMode(root),
    security: () => readSecurity(root),
    host: () => readHost(),
    installed: () => installedKernels(root),
    livePatches: () => listLivePatches(root),
    isLoaded: (name) => moduleRefcount(root, name) !== undefined,
    buildId: (name) => moduleBuildId(root, name),
    modules: () => livePatchModules(root),
    replacedFunctions: (name) => replacedFunctions(root, name),
    // Here, for who only looks at the kernel need not be able to start dmesg.
    openLog: async () => (await import('./log.ts')).openLog(root),
    async insert(fd) {
      requireControl(root);
      await insertModule(root, fd);
    },
    waitForTransition: (name) => waitForTransition(root, name),
    waitForIdle: () => waitForIdle(root),
    disable: (name) => disableLivePatch(root, name),
    remove: (name) => removeModule(root, name),
  };
}
