import { during, LivepatchError } from '../errors.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Server } from '../remote/server.ts';
import type { Secret } from '../secret.ts';
import type { Machine } from '../types.ts';
import { type Outcome, update } from './update.ts';
import type { World } from './world.ts';

/** The machine is enabled; its first update came to an outcome or to a failure that the next refresh may mend. */
export interface Enabled {
  machineToken: Secret;
  first: Outcome | LivepatchError;
}

/**
 * Registers this machine with the server and applies what is due.
 * @throws LivepatchError `already-enabled`, `unsupported-kernel`, `config`, and as server.ts says; the machine is
 * then not enabled, and nothing is left of the attempt.
 */
export async function enable(world: World, authToken: Secret): Promise<Enabled> {
  const { kernel, store } = world;
  using _lock = await store.lock('enable');
  if (store.token.read() !== undefined) throw alreadyEnabled();
  const config = store.config.read();
  const machine = kernel.machine();
  const server = await world.connect(config);
  world.progress(`registering with ${config.remoteServer.origin}`);
  await requireSupport(kernel, server, machine);
  const machineToken = await register(server, machine, authToken);
  forgetTheLastLife(world);
  store.token.write(machineToken);
  const first = await update(world, machineToken, config).catch((error) =>
    during('the first refresh failed', error),
  );
  return { machineToken, first };
}

async function requireSupport(kernel: Kernel, server: Server, machine: Machine): Promise<void> {
  if (kernel.livePatches() === undefined) {
    throw unsupported(`${machine.kernel} was built without live patching (CONFIG_LIVEPATCH)`);
  }
  const support = await server.support(machine).catch((error) => {
    throw during('failed to register client', error);
  });
  if (support === 'unsupported')
    throw unsupported(`${machine.kernel} on ${machine.architecture} is not covered`);
}

async function register(server: Server, machine: Machine, authToken: Secret): Promise<Secret> {
  try {
    return await server.register(machine, authToken);
  } catch (error) {
    throw during('failed to register client', error);
  }
}

/** Answers that were given to another registration say nothing about this one; what is in the kernel, still does. */
function forgetTheLastLife({ store }: World): void {
  const { patch } = store.record.read();
  store.record.write({ patch });
}

function alreadyEnabled(): LivepatchError {
  return new LivepatchError(
    'already-enabled',
    "Machine-token already exists! Please use 'disable' to delete existing machine-token.",
  );
}

function unsupported(reason: string): LivepatchError {
  return new LivepatchError('unsupported-kernel', `unsupported kernel: ${reason}`, {
    hint: 'Boot a kernel that your Livepatch server covers.',
  });
}
