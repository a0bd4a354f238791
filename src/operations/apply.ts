import { messageOf } from '../errors.ts';
import { findBug } from '../kernel/log.ts';
import { LIMITS } from '../limits.ts';
import type { AppliedPatch, CrashLock, Patch } from '../types.ts';
import { tell } from './pings.ts';
import { look, reach } from './reach.ts';
import type { Run } from './world.ts';

/**
 * Puts a verified patch into the running kernel: lock, insert, wait for the transition.
 * @param lock goes to disk before the kernel is touched, so that a boot that finds it knows where the machine died.
 * @throws LivepatchError `kernel-refused`, `transition`; the patch is then out of the kernel again, whatever it
 * replaced still stands, and there is no lock.
 */
export async function apply(run: Run, patch: Patch, lock: CrashLock): Promise<void> {
  const { kernel, store } = run;
  const { version } = lock;
  store.locks.write(lock);
  try {
    await reach(run, 'applied', lock.module, async () => {
      using file = store.payloads.forKernel(patch.module);
      tell(run, { event: 'before', version });
      await kernel.insert(file.fd);
      tell(run, { event: 'after', version });
      if (look(run, lock.module) === 'applying') tell(run, { event: 'transition', version });
    });
  } catch (error) {
    await reach(run, 'gone', lock.module);
    store.locks.lift(lock.module, version);
    throw error;
  }
}

/**
 * Unloads the module that was replaced. The new patch stands whether or not that can be done: what is left over is
 * shown, no failure.
 */
export async function retire(run: Run, previous: AppliedPatch | undefined, module: string): Promise<void> {
  if (previous === undefined || previous.module === module) return;
  // One that the kernel did not take out of use by itself is in use still.
  if (!['left-over', 'disabled'].includes(look(run, previous.module))) return;
  try {
    await run.kernel.remove(previous.module);
    run.progress(`unloaded ${previous.module}, which was replaced`);
  } catch (error) {
    run.progress(`${previous.module}, which was replaced, stays loaded: ${messageOf(error)}`);
  }
}

/**
 * Watches a patch for a while after its transition; then it has settled, and its lock is lifted. When the kernel finds
 * a bug in it meanwhile, the lock stays and keeps the trace.
 * @param spoken reads what the kernel said since before the insertion.
 * @returns whether a bug was found.
 */
export async function watch(run: Run, lock: CrashLock, spoken: () => string[] | undefined): Promise<boolean> {
  const { kernel, store } = run;
  run.progress(`watching the kernel for ${LIMITS.kernel.settleTime / 1000} s`);
  await run.sleep(LIMITS.kernel.settleTime);
  const trace = findBug(spoken() ?? [], lock.module, kernel.replacedFunctions(lock.module));
  if (trace === undefined) store.locks.lift(lock.module, lock.version);
  else store.locks.write({ ...lock, trace });
  return trace !== undefined;
}
