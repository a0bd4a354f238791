import { LivepatchError } from '../errors.ts';
import { inSnap, snapctl } from '../snapctl.ts';
import { CONFIG_KEYS } from './config-keys.ts';
import { readIfThere, writeAtomic } from './files.ts';

/** The configuration as `snap get` and `snap set` see it: a second face of the configuration file. */
export interface SnapSettings {
  /**
   * What was set or unset with `snap` since the last `publish`; an unset key is empty. What was changed in the file
   * meanwhile is no concern of it.
   * @throws LivepatchError `config`, `storage`
   */
  changes(): Promise<Record<string, string>>;
  /** Lets `snap get` show these values. No-op where there is no snapd. @throws LivepatchError `storage` */
  publish(texts: Record<string, string>): Promise<void>;
}

/**
 * @param path keeps what was published last.
 * @param ask undefined outside a snap.
 */
export function snapSettings(path: string, ask = inSnap ? snapctl : undefined): SnapSettings {
  const published = (): Record<string, string> => JSON.parse(readIfThere(path) ?? '{}');
  return {
    async changes() {
      const before = published();
      const now = await readAll(ask);
      const names = new Set([...Object.keys(before), ...Object.keys(now)]);
      const changed = [...names].filter((name) => before[name] !== now[name]);
      return Object.fromEntries(changed.map((name) => [name, now[name] ?? '']));
    },
    async publish(texts) {
      if (ask === undefined) return;
      const before = published();
      const stale = Object.keys(texts).filter((name) => before[name] !== texts[name]);
      if (stale.length === 0) return;
      // -s: a string, whatever it looks like.
      const { ok, stderr } = await ask('set', '-s', ...stale.map((name) => `${name}=${texts[name]}`));
      if (!ok)
        throw new LivepatchError(
          'storage',
          `the configuration is changed, but snap get does not show it: ${stderr}`,
        );
      writeAtomic(path, `${JSON.stringify(texts)}\n`);
    },
  };
}

/**
 * Every value that snapd holds for these keys; for others it cannot be asked. `snap set` keeps `60` and `true` as JSON
 * has them.
 */
async function readAll(ask = snapctl): Promise<Record<string, string>> {
  const { ok, stdout, stderr } = await ask('get', '-d', ...Object.keys(CONFIG_KEYS));
  if (!ok) throw new LivepatchError('storage', `snapd does not tell what was set: ${stderr}`);
  const values = Object.entries(JSON.parse(stdout));
  return Object.fromEntries(
    values.map(([name, value]) => {
      if (typeof value === 'object') {
        throw new LivepatchError('config', `config update aborted: ${name}: must be a single value`);
      }
      return [name, String(value)];
    }),
  );
}
