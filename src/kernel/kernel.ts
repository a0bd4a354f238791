import { type FaultWatch, watchFaults } from './faults.ts';
import { type Host, readHost } from './host.ts';
import { insertModule, removeModule } from './kmod.ts';
import { disableLivePatch, requireControl, waitForIdle, waitForTransition } from './livepatches.ts';
import { type RefusedTarget, refusedTargets } from './refused-targets.ts';
import { type KernelSecurity, readSecurity } from './security.ts';
import { type KernelView, viewKernel } from './view.ts';

/** The running kernel, as operations see it; tests hand in a fake that passes the same contract tests. */
export interface Kernel extends KernelView {
  /** What decides whether a module is taken at all; never throws. */
  security(): KernelSecurity;
  /** What is around us; never throws. */
  host(): Promise<Host>;
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

/** The kernel under `root`, which is `/` but in tests; so are kmod's programs. */
export function linuxKernel(root = '/'): Kernel {
  return {
    ...viewKernel(root),
    security: () => readSecurity(root),
    host: () => readHost(),
    refusedTargets: () => refusedTargets(root),
    watchFaults: async () => watchFaults(root),
    async insert(fd, certificate) {
      requireControl(root);
      await insertModule(root, fd, certificate);
    },
    waitForTransition: (name) => waitForTransition(root, name),
    waitForIdle: () => waitForIdle(root),
    disable: (name) => disableLivePatch(root, name),
    remove: (name) => removeModule(root, name),
  };
}
