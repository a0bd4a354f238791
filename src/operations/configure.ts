import type { World } from './world.ts';

/**
 * Changes the configuration: all of the given keys, or none.
 * @param changes value by key; an empty value puts the default back.
 * @throws LivepatchError `config`, `busy`, `storage`
 */
export async function configure({ store }: World, changes: Record<string, string>): Promise<void> {
  using _lock = await store.lock('config');
  store.config.update(changes);
  await store.snapSettings.publish(store.config.texts());
}

/**
 * Takes over what was set with `snap set`: all of it, or none. Afterwards `snap get` shows every key.
 * @throws LivepatchError as `configure`
 */
export async function configureFromSnap({ store }: World): Promise<void> {
  using _lock = await store.lock('snap set');
  store.config.update(await store.snapSettings.changes());
  await store.snapSettings.publish(store.config.texts());
}
