import { isUnsettled } from '../policy/crash-guard.ts';
import { sameCode } from '../policy/life-cycle.ts';
import type { Machine, Remembered } from '../types.ts';
import { verifiedPayloads } from './open-payload.ts';
import type { World } from './context.ts';

/**
 * Sets right what is on disk before a run goes by it, for the run before may have been killed anywhere.
 * @throws LivepatchError `storage`, `config`, and as kernel.ts says of the machine.
 */
export async function recover(world: World): Promise<void> {
  world.store.sweep();
  const aside = world.store.record.setAside();
  if (aside !== undefined) {
    world.progress(`the record cannot be understood: it is put aside as ${aside}, and a new one is begun`);
  }
  const machine = world.kernel.machine();
  liftWhatCameToNothing(world, machine);
  await recognise(world, machine, world.store.record.read());
}

/** A lock of this boot without its module: nothing was inserted, or it is gone, and the machine is still up. */
function liftWhatCameToNothing({ kernel, store }: World, machine: Machine): void {
  for (const lock of store.locks.all()) {
    // A second attempt's lock stays: it is all that is known of the crash at the first.
    const mayGo = isUnsettled(lock, machine) && lock.attempt === 1;
    if (mayGo && !kernel.isLoaded(lock.module)) store.locks.lift(lock.module, lock.version);
  }
}

/**
 * When the kernel holds a patch that the record does not know, for it was lost, or the last run died before it was
 * written, the payload on disk says which one that is. A record of other code than is loaded under its name is dropped.
 */
async function recognise(world: World, machine: Machine, remembered: Remembered): Promise<void> {
  const { kernel, progress, store } = world;
  const inKernel = (patch: { module: string; buildId?: string | undefined }) =>
    kernel.livePatches()?.some(({ name }) => name === patch.module) &&
    sameCode(kernel.buildId(patch.module), patch.buildId);
  const { advice, patch: known } = remembered;
  if (!kernel.livePatches()?.length || (known !== undefined && inKernel(known))) return;

  const payloads = verifiedPayloads(world, machine, store.config.read(), advice?.blocklist);
  for await (const { patch, sha256 } of payloads) {
    const { fixes, module, releasedAt, version } = patch.metadata;
    const { buildId } = patch;
    if (!inKernel({ module, buildId })) continue;
    progress(`patch ${version} is in the kernel`);
    const found = { version, module, releasedAt, fixes, sha256, buildId };
    const here = { kernel: machine.kernel, bootId: machine.bootId, appliedAt: world.now().toISOString() };
    store.record.write({ ...remembered, patch: { ...found, ...here } });
    return;
  }
  if (known !== undefined && !sameCode(kernel.buildId(known.module), known.buildId)) {
    store.record.write({ ...remembered, patch: undefined });
  }
}
