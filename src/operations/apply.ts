import { messageOf } from '../errors.ts';
import type { AppliedPatch, Patch } from '../types.ts';
import type { World } from './world.ts';

/**
 * Puts a verified patch into the running kernel: insert, wait for the transition, retire the module it replaced.
 * @param previous the patch of ours that the kernel holds until now.
 * @throws LivepatchError `kernel-refused`, `transition`; the patch is then out of the kernel again, and the
 * previous one still stands.
 */
export async function apply(world: World, patch: Patch, previous: AppliedPatch | undefined): Promise<void> {
  const { kernel, store } = world;
  const { module, version } = patch.metadata;
  {
    using file = store.payloads.forKernel(patch.module);
    world.progress(`inserting ${module}`);
    await kernel.insert(file.fd);
  }
  world.progress(`waiting for the transition to patch ${version}`);
  try {
    await kernel.settle(module);
  } catch (error) {
    await withdraw(world, module);
    throw error;
  }
  if (previous !== undefined && previous.module !== module) await retire(world, previous.module);
}

/** Takes a patch out of the kernel: disable it, wait until no task is inside, unload its module. */
export async function withdraw({ kernel, progress }: World, module: string): Promise<void> {
  progress(`taking ${module} out of the kernel`);
  await kernel.disable(module);
  await kernel.remove(module);
}

/** The new patch stands whether or not the old module can be unloaded; what is left over is shown, no failure. */
async function retire({ kernel, progress }: World, module: string): Promise<void> {
  try {
    await kernel.remove(module);
    progress(`unloaded ${module}, which was replaced`);
  } catch (error) {
    progress(`${module}, which was replaced, stays loaded: ${messageOf(error)}`);
  }
}
