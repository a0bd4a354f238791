import { warningsOf } from '../remote/warnings.ts';
import type { World } from './world.ts';

/**
 * Changes the configuration: all of the given keys, or none.
 * @param changes value by key; an empty value puts the default back.
 * @throws LivepatchError `config`, `busy`, `storage`
 */
export async function configure(world: World, changes: Record<string, string>): Promise<void> {
  const { config, lock } = world.store;
  using _lock = await lock('config');
  config.update(changes);
  for (const warning of warningsOf(config.read())) world.progress(`warning: ${warning}`);
}
