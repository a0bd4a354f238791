import { recover } from './recover.ts';
import type { Run, World } from './context.ts';

/** A run that holds the lock until it is disposed of. */
export type LockedRun = Run & Disposable;

/**
 * Takes the run lock, sets the record right, and reads what the whole run goes by.
 * @param who the command, for whoever meets the lock.
 * @throws LivepatchError `no-permission`, `busy`, `storage`, `config`
 */
export async function startRun(
  world: World,
  who: string,
  options: { retryBlocked?: boolean } = {},
): Promise<LockedRun> {
  await world.kernel.requirePlugs();
  const lock = world.store.lock(who);
  try {
    await recover(world);
    return {
      ...world,
      machine: world.kernel.machine(),
      mode: world.kernel.mode(),
      config: world.store.config.read(),
      retryBlocked: options.retryBlocked ?? false,
      [Symbol.dispose]: () => lock[Symbol.dispose](),
    };
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}
