import { messageOf } from '../errors.ts';
import type { Secret } from '../secret.ts';
import { liftAll, takeOut } from './apply.ts';
import { recover } from './recover.ts';
import type { World } from './context.ts';

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
 * Ends it: removes token and payloads, tells the server if it can be reached. Applied patches stay in the kernel,
 * for a security fix does not vanish with a subscription, unless `unpatch` takes them out live.
 * @throws LivepatchError `busy`, `storage`; `transition` or `kernel-refused` when the kernel does not let go of the
 * patch, and then the machine stays enabled.
 */
export async function disable(world: World, options: { unpatch: boolean }): Promise<Disabled> {
  const { store } = world;
  using _lock = store.lock('disable');
  // Nothing that is broken may keep a machine from being disabled.
  await recover(world).catch((error) => world.progress(messageOf(error)));
  const { patch } = store.record.read();
  const inKernel =
    patch !== undefined && (world.kernel.livePatches() ?? []).some(({ name }) => name === patch.module);
  // First, so that a kernel that does not let go leaves everything as it was.
  if (options.unpatch && patch !== undefined) {
    await world.kernel.requirePlugs();
    await takeOut(world, patch.module);
    liftAll({ store, machine: world.kernel.machine() });
    if (inKernel) store.events.add({ what: 'reverted', version: patch.version });
  }
  const stays = inKernel && !options.unpatch ? patch : undefined;

  const machineToken = store.token.read();
  // Before the server is told: a token that only we still believe in would fail every refresh to come.
  store.token.remove();
  store.payloads.keepOnly(undefined);
  store.record.write({ patch: stays });
  store.cves.remove();
  store.pings.write([]);
  const serverNotTold = machineToken === undefined ? undefined : await tellServer(world, machineToken);
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
