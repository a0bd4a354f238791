import { notEnabled } from './not-enabled.ts';
import { type Outcome, update } from './update.ts';
import type { World } from './world.ts';

/**
 * Checks in and applies what is due.
 * @throws LivepatchError `not-enabled`, `busy`, and as update.ts says.
 */
export async function refresh(world: World): Promise<Outcome> {
  using _lock = await world.store.lock('refresh');
  const token = world.store.token.read();
  if (token === undefined) throw notEnabled();
  return update(world, token, world.store.config.read());
}
