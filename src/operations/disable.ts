import type { Result } from '../policy/loop.ts';
import type { Secret } from '../secret.ts';
import type { Context } from './context.ts';
import { run } from './loop.ts';

/** What became of the machine: whose token was removed, what still patches its kernel, whether the server knows. */
export interface Disabled extends Extract<Result, { kind: 'disabled' }> {
  /** Undefined when the machine was not enabled to begin with, or its token could not be read. */
  machineToken: Secret | undefined;
}

/**
 * Ends it: removes token and patch files, tells the server if it can be reached. Applied patches stay in the kernel,
 * because a security fix does not vanish with a subscription, unless `unpatch` takes them out live.
 * @throws LivepatchError `busy`, `storage`; `transition` or `kernel-refused` when the kernel does not let go of a
 * patch, and then the machine stays enabled.
 */
export async function disable(context: Context, { unpatch }: { unpatch: boolean }): Promise<Disabled> {
  const machineToken = tokenOf(context);
  const result = await run(context, 'disable', { kind: 'disable', unpatch });
  return { ...(result as Extract<Result, { kind: 'disabled' }>), machineToken };
}

function tokenOf({ store }: Context): Secret | undefined {
  try {
    return store.token.read();
  } catch {
    return undefined;
  }
}
