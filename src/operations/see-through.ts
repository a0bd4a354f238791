import { isUnsettled } from '../patch/crash-guard.ts';
import { foundBug, watch } from './apply.ts';
import { look, reach } from './reach.ts';
import type { Run } from './world.ts';

/**
 * What a run that died has put into the kernel stays there, whatever speaks against it now, and is watched to the end:
 * else the next boot would take it for what the machine went down with. One that was on its way out goes.
 * @returns whether there was any.
 * @throws LivepatchError `kernel-bug`, `transition`, `kernel-refused`
 */
export async function seeThrough(run: Run): Promise<boolean> {
  const { kernel, machine, store } = run;
  const begun = store.locks
    .all()
    .filter((lock) => isUnsettled(lock, machine) && kernel.isLoaded(lock.module));
  for (const lock of begun) {
    if (['applying', 'applied'].includes(look(run, lock.module))) {
      using log = await kernel.openLog();
      await reach(run, 'applied', lock.module);
      if (await watch(run, lock, log.read)) throw foundBug(run, lock);
      // All of them have settled with it.
      return true;
    }
    await reach(run, 'gone', lock.module);
    // A second attempt's lock is all that is known of the crash at the first.
    if (lock.attempt === 1) store.locks.lift(lock.module, lock.version);
  }
  return begun.length > 0;
}
