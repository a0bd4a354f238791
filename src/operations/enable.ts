import { during, LivepatchError } from '../errors.ts';
import { warningsOf } from '../policy/config-warnings.ts';
import type { Secret } from '../secret.ts';
import type { Server } from '../source/server/client.ts';
import { noteDenial } from './audit.ts';
import type { Result } from './carry-out.ts';
import type { Context, Run } from './context.ts';
import { startRun } from './start-run.ts';
import { update } from './update.ts';

/** The machine is enabled; its first update came to an result or to a failure that the next refresh may mend. */
export interface Enabled {
  machineToken: Secret;
  first: Result | LivepatchError;
}

/**
 * Registers this machine with the server and applies what is due.
 * @throws LivepatchError `already-enabled`, `unsupported-kernel`, `config`, and as server.ts says; the machine is
 * then not enabled, and nothing is left of the attempt.
 */
export async function enable(context: Context, authToken: Secret): Promise<Enabled> {
  using run = await startRun(context, 'enable');
  if (run.store.token.exists()) throw alreadyEnabled();
  if (!run.mode.contact) throw heldBack(run);
  const server = await run.connect(run.config);
  for (const warning of warningsOf(run.config)) run.warn(warning);
  run.progress(`registering with ${run.config.remoteServer.origin}`);
  await requireSupport(run, server);
  const machineToken = await register(run, server, authToken);
  forgetTheLastLife(run);
  run.store.token.write(machineToken);
  run.store.events.add({ what: 'enabled' });
  const first = await update(run, machineToken).catch((error) => during('the first refresh failed', error));
  return { machineToken, first };
}

async function requireSupport({ kernel, machine }: Run, server: Server): Promise<void> {
  if (kernel.livePatches() === undefined) {
    throw unsupported(`${machine.kernel} was built without live patching (CONFIG_LIVEPATCH)`);
  }
  const support = await server.support(machine).catch((error) => {
    throw during('failed to register client', error);
  });
  if (support === 'unsupported')
    throw unsupported(`${machine.kernel} on ${machine.architecture} is not covered`);
}

async function register(run: Run, server: Server, authToken: Secret): Promise<Secret> {
  try {
    return await server.register(run.machine, authToken);
  } catch (error) {
    noteDenial(run, error);
    throw during('failed to register client', error);
  }
}

/** Answers that were given to another registration say nothing about this one; what is in the kernel, still does. */
function forgetTheLastLife({ store }: Context): void {
  const { patch, reverted } = store.state.read();
  store.state.write({ patch, reverted });
}

function alreadyEnabled(): LivepatchError {
  return new LivepatchError(
    'already-enabled',
    "Machine-token already exists! Please use 'disable' to delete existing machine-token.",
  );
}

function heldBack({ mode }: Run): LivepatchError {
  return new LivepatchError(
    'config',
    'canonical_livepatch_mode keeps this machine from contacting the server',
    {
      hint: `It is set in ${mode.sources.join(' and ')}.`,
    },
  );
}

function unsupported(reason: string): LivepatchError {
  return new LivepatchError('unsupported-kernel', `unsupported kernel: ${reason}`, {
    hint: 'Boot a kernel that your Livepatch server covers.',
  });
}
