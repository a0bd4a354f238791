import { LivepatchError, messageOf } from '../errors.ts';
import { findBug } from '../kernel/bug.ts';
import { LIMITS } from '../limits.ts';
import { isUnsettled } from '../policy/crash-guard.ts';
import { sameSeries } from '../policy/life-cycle.ts';
import type { Patch, PendingInsertion } from '../types.ts';
import { noteFailure } from './audit.ts';
import type { Context, Run } from './context.ts';
import { tell, tellError } from './pings.ts';
import { look, reach } from './reach.ts';

/**
 * Puts a verified patch into the running kernel: lock, insert, wait for the transition.
 * @param lock goes to disk before the kernel is touched, so that a boot that finds it knows where the machine died.
 * @param inTheWay the kernel holds another version under this very name, which has to go first.
 * @throws LivepatchError `kernel-refused`, `transition`; the patch is then out of the kernel again, whatever it
 * replaced still stands unless it was in the way, and there is no lock but what an earlier crash left.
 */
export async function apply(
  run: Run,
  patch: Patch,
  lock: PendingInsertion,
  inTheWay: boolean,
): Promise<void> {
  const { kernel, store } = run;
  const { version } = lock;
  const earlier = store.pending.read(lock.module, version);
  store.pending.write(lock);
  try {
    if (inTheWay) await reach(run, 'gone', lock.module);
    await reach(run, 'applied', lock.module, async () => {
      using file = store.payloads.forKernel(patch.module);
      tell(run, { event: 'before', version });
      await kernel.insert(file.fd);
      tell(run, { event: 'after', version });
      if (look(run, lock.module) === 'applying') tell(run, { event: 'transition', version });
    });
  } catch (error) {
    await reach(run, 'gone', lock.module);
    // A crash of another boot is not forgotten because the kernel refused this time.
    if (earlier === undefined || earlier.bootId === lock.bootId) store.pending.clear(lock.module, version);
    else store.pending.write(earlier);
    throw error;
  }
}

/**
 * Unloads what the patch replaced: the modules of its series that the kernel has taken out of use. The new patch
 * stands whether or not that can be done: what is left over is shown, no failure.
 */
export async function retire(context: Context, module: string): Promise<void> {
  const others = context.kernel.modules().filter((name) => name !== module && sameSeries(name, module));
  for (const other of others) {
    // One that the kernel did not take out of use by itself is in use still.
    if (!['left-over', 'disabled'].includes(look(context, other))) continue;
    try {
      await context.kernel.remove(other);
      context.progress(`unloaded ${other}, which was replaced`);
    } catch (error) {
      context.progress(`${other}, which was replaced, stays loaded: ${messageOf(error)}`);
    }
  }
}

/**
 * Takes every live patch of a module's series out of the kernel, and their modules: a run that died may have left a newer
 * one beside it. The one in transition goes first, for the kernel allows one at a time (EBUSY).
 * @throws LivepatchError `kernel-refused`, `transition`
 */
export async function takeOut(context: Context, module: string): Promise<void> {
  const ours = (context.kernel.livePatches() ?? [])
    .filter(({ name }) => sameSeries(name, module))
    .toSorted((one, other) => Number(other.inTransition) - Number(one.inTransition));
  for (const { name } of ours) await reach(context, 'gone', name);
  await reach(context, 'gone', module);
  await retire(context, module);
}

/** Lifts every lock of this boot that no bug keeps: the machine has outlived what they were written for. */
export function liftAll({ machine, store }: Pick<Run, 'machine' | 'store'>): void {
  for (const lock of store.pending.all()) {
    if (isUnsettled(lock, machine)) store.pending.clear(lock.module, lock.version);
  }
}

/**
 * Watches a patch for a while after its transition; then it has settled, and its lock is lifted. When the kernel finds
 * a bug in it meanwhile, the lock stays and keeps the trace.
 * @param spoken reads what the kernel said since before the insertion.
 * @returns whether a bug was found.
 */
export async function watch(
  run: Run,
  lock: PendingInsertion,
  spoken: () => string[] | undefined,
): Promise<boolean> {
  const { kernel, store } = run;
  run.progress(`watching the kernel for ${LIMITS.kernel.watchTime / 1000} s`);
  await run.sleep(LIMITS.kernel.watchTime);
  const trace = findBug(spoken() ?? [], lock.module, kernel.replacedFunctions(lock.module));
  if (trace === undefined) liftAll(run);
  else store.pending.write({ ...lock, trace });
  return trace !== undefined;
}

/** The error for a patch that the kernel has found a bug in, noted and told. */
export function foundBug(run: Run, { module, version }: PendingInsertion): LivepatchError {
  const bug = new LivepatchError(
    'kernel-bug',
    `the kernel found a bug in patch ${version}; its trace is in ${run.store.pending.pathOf(module, version)}`,
    {
      hint: 'The patch stays in the kernel until the next boot and is not applied again. Plan a reboot.',
    },
  );
  noteFailure(run, version, bug);
  tellError(run, version, bug);
  return bug;
}
