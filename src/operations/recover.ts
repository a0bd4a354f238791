import { isUnsettled } from '../policy/crash-guard.ts';
import { sameCode } from '../policy/life-cycle.ts';
import type { Machine, State } from '../types.ts';
import type { Context } from './context.ts';
import { verifiedPayloads } from './open-payload.ts';

/**
 * Sets right what is on disk before a run goes by it, for the run before may have been killed anywhere.
 * @throws LivepatchError `storage`, `config`, and as kernel.ts says of the machine.
 */
export async function recover(context: Context): Promise<void> {
  context.store.sweep();
  const aside = context.store.state.setAside();
  if (aside !== undefined) {
    context.progress(`the record cannot be understood: it is put aside as ${aside}, and a new one is begun`);
  }
  const machine = context.kernel.machine();
  liftWhatCameToNothing(context, machine);
  await recognise(context, machine, context.store.state.read());
}

/** A lock of this boot without its module: nothing was inserted, or it is gone, and the machine is still up. */
function liftWhatCameToNothing({ kernel, store }: Context, machine: Machine): void {
  for (const lock of store.pending.all()) {
    // A second attempt's lock stays: it is all that is known of the crash at the first.
    const mayGo = isUnsettled(lock, machine) && lock.attempt === 1;
    if (mayGo && !kernel.isLoaded(lock.module)) store.pending.clear(lock.module, lock.version);
  }
}

/**
 * When the kernel holds a patch that the record does not know, for it was lost, or the last run died before it was
 * written, the payload on disk says which one that is. A record of other code than is loaded under its name is dropped.
 */
async function recognise(context: Context, machine: Machine, state: State): Promise<void> {
  const { kernel, progress, store } = context;
  const inKernel = (patch: { module: string; buildId?: string | undefined }) =>
    kernel.livePatches()?.some(({ name }) => name === patch.module) &&
    sameCode(kernel.buildId(patch.module), patch.buildId);
  const { advice, patch: known } = state;
  if (!kernel.livePatches()?.length || (known !== undefined && inKernel(known))) return;

  const payloads = verifiedPayloads(context, machine, store.config.read(), advice?.blocklist);
  for await (const { patch, sha256 } of payloads) {
    const { fixes, module, releasedAt, version } = patch.metadata;
    const { buildId } = patch;
    if (!inKernel({ module, buildId })) continue;
    progress(`patch ${version} is in the kernel`);
    const found = { version, module, releasedAt, fixes, sha256, buildId };
    const here = { kernel: machine.kernel, bootId: machine.bootId, appliedAt: context.now().toISOString() };
    store.state.write({ ...state, patch: { ...found, ...here } });
    return;
  }
  if (known !== undefined && !sameCode(kernel.buildId(known.module), known.buildId)) {
    store.state.write({ ...state, patch: undefined });
  }
}
