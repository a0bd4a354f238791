import type { World } from './world.ts';

/**
 * Changes the configuration: all of the given keys, or none.
 * @param changes value by key; an empty value puts the default back.
 * @throws LivepatchError `config`, `busy`, `storage`
 */
export async function configure({ store }: World, changes: Record<string, string>): Promise<void> {
  using _lock = await store.lock('config');
  store.config.update(changes);
  store.events.add({ what: 'configured', keys: Object.keys(changes) });
}
