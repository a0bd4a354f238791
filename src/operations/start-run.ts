import type { Context, Run } from './context.ts';
import { recover } from './recover.ts';

/** A run that holds the lock until it is disposed of. */
export type LockedRun = Run & Disposable;

/**
 * Takes the run lock, sets the record right, and reads what the whole run goes by.
 * @param who the command, for whoever meets the lock.
 * @throws LivepatchError `no-permission`, `busy`, `storage`, `config`
 */
export async function startRun(
  context: Context,
  who: string,
  options: { retryBlocked?: boolean } = {},
): Promise<LockedRun> {
  await context.kernel.requirePlugs();
  const lock = context.store.runLock(who);
  try {
    await recover(context);
    return {
      ...context,
      machine: context.kernel.machine(),
      mode: context.kernel.mode(),
      config: context.store.config.read(),
      retryBlocked: options.retryBlocked ?? false,
      [Symbol.dispose]: () => lock[Symbol.dispose](),
    };
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}
