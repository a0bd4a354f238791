import { messageOf } from '../errors.ts';
import type { Secret } from '../secret.ts';
import { reach } from './reach.ts';
import type { World } from './world.ts';

/** What became of the machine: whose token was removed, what still patches its kernel, whether the server knows. */
export interface Disabled {
  /** Undefined when the machine was not enabled to begin with. */
  machineToken: Secret | undefined;
  /** Version of the patch that stays in the kernel until the next boot. */
  stillPatched: string | undefined;
  /** Why the server could not be told; the machine is disabled all the same. */
  serverNotTold: string | undefined;
}

/**
 * Ends it: tells the server if it can be reached, removes token and payloads. Applied patches stay in the kernel,
 * for a security fix does not vanish with a subscription, unless `unpatch` takes them out live.
 * @throws LivepatchError `busy`, `storage`; `transition` or `kernel-refused` when the kernel does not let go of the
 * patch, and then the machine stays enabled.
 */
export async function disable(world: World, options: { unpatch: boolean }): Promise<Disabled> {
  const { store } = world;
  using _lock = await store.lock('disable');
  const { patch } = store.record.read();
  const inKernel =
    patch !== undefined && (world.kernel.livePatches() ?? []).some(({ name }) => name === patch.module);
  // First, so that a kernel that does not let go leaves everything as it was.
  if (options.unpatch && patch !== undefined) {
    await reach(world, 'gone', patch.module);
    if (inKernel) store.events.add({ what: 'reverted', version: patch.version });
  }
  const stays = inKernel && !options.unpatch ? patch : undefined;

  const machineToken = store.token.read();
  const serverNotTold = machineToken === undefined ? undefined : await tellServer(world, machineToken);
  store.token.remove();
  store.payloads.keepOnly(undefined);
  store.record.write({ patch: stays });
  store.cves.remove();
  store.pings.write([]);
  if (machineToken !== undefined) store.events.add({ what: 'disabled' });
  return { machineToken, stillPatched: stays?.version, serverNotTold };
}

/** @returns why the server could not be told, if so. */
async function tellServer(world: World, machineToken: Secret): Promise<string | undefined> {
  try {
    const server = await world.connect(world.store.config.read());
    world.progress('telling the server');
    await server.unregister(world.kernel.machine().id, machineToken);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
