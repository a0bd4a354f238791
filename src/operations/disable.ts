import { messageOf } from '../errors.ts';
import type { Secret } from '../secret.ts';
import { liftAll, takeOut } from './apply.ts';
import type { Context } from './context.ts';
import { recover } from './recover.ts';

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
export async function disable(context: Context, options: { unpatch: boolean }): Promise<Disabled> {
  const { store } = context;
  using _lock = store.runLock('disable');
  // Nothing that is broken may keep a machine from being disabled.
  await recover(context).catch((error) => context.progress(messageOf(error)));
  const { patch } = store.state.read();
  const inKernel =
    patch !== undefined && (context.kernel.livePatches() ?? []).some(({ name }) => name === patch.module);
  // First, so that a kernel that does not let go leaves everything as it was.
  if (options.unpatch && patch !== undefined) {
    await context.kernel.requirePlugs();
    await takeOut(context, patch.module);
    liftAll({ store, machine: context.kernel.machine() });
    if (inKernel) store.events.add({ what: 'reverted', version: patch.version });
  }
  const stays = inKernel && !options.unpatch ? patch : undefined;

  const machineToken = store.token.read();
  // Before the server is told: a token that only we still believe in would fail every refresh to come.
  store.token.remove();
  store.payloads.keepOnly(undefined);
  store.state.write({ patch: stays });
  store.cves.remove();
  store.pings.write([]);
  const serverNotTold = machineToken === undefined ? undefined : await tellServer(context, machineToken);
  if (machineToken !== undefined) store.events.add({ what: 'disabled' });
  return { machineToken, stillPatched: stays?.version, serverNotTold };
}

/** @returns why the server could not be told, if so. */
async function tellServer(context: Context, machineToken: Secret): Promise<string | undefined> {
  try {
    const server = await context.connect(context.store.config.read());
    context.progress('telling the server');
    await server.unregister(context.kernel.machine().id, machineToken);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
