import { LivepatchError } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { Event, Situation } from '../../policy/loop.ts';
import type { KernelState } from '../../types.ts';
import type { The } from '../act.ts';
import type { Session } from '../session.ts';

/** Hands the kernel the proven bytes. Only what it says from here on is about this patch. */
export async function insert(session: Session, { patch }: The<'insert'>): Promise<Event> {
  const { context, files } = session;
  const file = files.get(patch.digest);
  if (file === undefined)
    throw new LivepatchError('general', `patch ${patch.version} was not proven in this run`);
  context.progress(`inserting ${patch.module}`);
  session.faults?.[Symbol.dispose]();
  session.faults = await context.kernel.watchFaults();
  try {
    using module = context.store.payloads.forKernel(file.module);
    await context.kernel.insert(module.fd, context.store.derOf(file.signer.fingerprint));
    session.inserted = context.monotonic();
    return { kind: 'inserted', patch };
  } catch (error) {
    if (!(error instanceof LivepatchError)) throw error;
    return { kind: 'insertion-refused', patch, error };
  }
}

export async function waitForTransition(
  session: Session,
  { kernel }: Situation,
  { patch }: The<'wait-for-transition'>,
): Promise<Event> {
  const { context } = session;
  try {
    const live = kernel.livePatches?.find(({ name }) => name === patch.module);
    if (live?.inTransition) context.progress(`waiting for the transition to ${patch.module}`);
    await context.kernel.waitForTransition(patch.module);
  } catch (error) {
    if (!(error instanceof LivepatchError)) throw error;
    return { kind: 'transition-failed', patch, error };
  }
  return {
    kind: 'transition-finished',
    patch,
    seconds: session.inserted === undefined ? undefined : (context.monotonic() - session.inserted) / 1000,
    live: enabledNames(context.kernel.look([])),
  };
}

export function enabledNames({ livePatches = [] }: KernelState): string[] {
  return livePatches.filter(({ enabled }) => enabled).map(({ name }) => name);
}

export async function waitForIdle({ context }: Session): Promise<Event> {
  context.progress('waiting for another transition to end');
  await context.kernel.waitForIdle();
  return { kind: 'idle' };
}

/** Listens to the kernel for a while after the transition: a patch with a bug shows it soon. */
export async function watch(session: Session, { patch }: The<'watch'>): Promise<Event> {
  const { context } = session;
  session.faults ??= await context.kernel.watchFaults();
  context.progress(`watching the kernel for ${LIMITS.kernel.watchTime / 1000} s`);
  await context.sleep(LIMITS.kernel.watchTime);
  const trace = session.faults.faultOf(patch.module);
  if (trace === undefined) return { kind: 'settled', patch };
  const place = `locks/${patch.module}_${patch.version}`;
  const error = new LivepatchError(
    'kernel-bug',
    `the kernel found a bug in patch ${patch.version}; its trace is in ${place}`,
    { hint: 'The patch stays in the kernel until the next boot and is not applied again. Plan a reboot.' },
  );
  return { kind: 'bug-found', patch, trace, error };
}

export async function disable({ context }: Session, { module, why }: The<'disable'>): Promise<Event> {
  context.progress(`taking ${module} out of use`);
  await context.kernel.disable(module);
  return { kind: 'disabled', module, why };
}

export async function unload({ context }: Session, { module, why }: The<'unload'>): Promise<Event> {
  try {
    await context.kernel.remove(module);
  } catch (error) {
    if (!(error instanceof LivepatchError)) throw error;
    // A module in the way of another one has to go; all others may stay loaded, out of use.
    if (why === 'in-the-way' || why === 'failed') throw error;
    context.progress(`${module}, which is out of use, stays loaded: ${error.message}`);
    return { kind: 'unload-failed', module, why, error };
  }
  if (why === 'replaced') context.progress(`unloaded ${module}, which was replaced`);
  return { kind: 'unloaded', module, why };
}
