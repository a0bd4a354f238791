import { isUnsettled } from '../policy/crash-guard.ts';
import type { PendingInsertion } from '../types.ts';
import { foundBug, watch } from './apply.ts';
import type { Run } from './context.ts';
import { look, reach } from './reach.ts';

/**
 * What a run that died has put into the kernel stays there, whatever speaks against it now, and is watched to the end:
 * else the next boot would take it for what the machine went down with. One that was on its way out, or that the kernel
 * cannot bring to an end, goes.
 * @returns whether there was any.
 * @throws LivepatchError `kernel-bug`, `transition`, `kernel-refused`
 */
export async function seeThrough(run: Run): Promise<boolean> {
  const { kernel, machine, store } = run;
  const begun = store.pending
    .all()
    .filter((lock) => isUnsettled(lock, machine) && kernel.isLoaded(lock.module));
  for (const lock of begun) {
    if (!['applying', 'applied'].includes(look(run, lock.module))) {
      await takeBack(run, lock);
      continue;
    }
    using log = await kernel.openLog();
    try {
      await reach(run, 'applied', lock.module);
    } catch (error) {
      await takeBack(run, lock);
      throw error;
    }
    if (await watch(run, lock, log.read)) throw foundBug(run, lock);
    // All of them have settled with it.
    return true;
  }
  return begun.length > 0;
}

async function takeBack(run: Run, { attempt, module, version }: PendingInsertion): Promise<void> {
  await reach(run, 'gone', module);
  // A second attempt's lock is all that is known of the crash at the first.
  if (attempt === 1) run.store.pending.clear(module, version);
}
