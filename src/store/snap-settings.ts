import { LivepatchError } from '../errors.ts';
import { inSnap, snapctl } from '../snapd/snapctl.ts';
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
  /**
   * Lets `snap get` show these values, the password of a proxy masked: snapctl takes them as arguments, which anybody
   * can read in /proc. No-op where there is no snapd.
   * @throws LivepatchError `config`, `storage`
   */
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
      const now = await readTexts(ask);
      const names = new Set([...Object.keys(before), ...Object.keys(now)]);
      const changed = [...names].filter((name) => before[name] !== now[name]);
      for (const name of changed) requirePassword(name, now[name] ?? '');
      return Object.fromEntries(changed.map((name) => [name, now[name] ?? '']));
    },
    async publish(texts) {
      if (ask === undefined) return;
      const shown = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, masked(text)]));
      // What snapd holds, not what it was told: a password that was just set there is to be masked there, too.
      const held = await readAll(ask);
      const stale = Object.keys(shown).filter((name) => held[name] !== shown[name]);
      if (stale.length > 0) await tell(ask, shown, stale);
      writeAtomic(path, `${JSON.stringify(shown)}\n`);
    },
  };
}

async function tell(ask: typeof snapctl, shown: Record<string, string>, names: string[]): Promise<void> {
  // -s: a string, whatever it looks like.
  const { ok, stderr } = await ask('set', '-s', ...names.map((name) => `${name}=${shown[name]}`));
  if (ok) return;
  throw new LivepatchError(
    'storage',
    `the configuration is changed, but snap get does not show it: ${stderr}`,
  );
}

const MASK = '****';

/** A URL's password as stars. They are no change when they come back, for snapd was told them. */
function masked(text: string): string {
  const url = URL.parse(text);
  if (url === null || url.password === '') return text;
  url.password = MASK;
  return url.href;
}

/** Whoever edits what `snap get` showed must not have the stars taken for a password. */
function requirePassword(name: string, text: string): void {
  if (URL.parse(text)?.password !== MASK) return;
  throw new LivepatchError(
    'config',
    `config update aborted: ${name}: the password is only shown as ${MASK}`,
    {
      hint: 'Set the address with the password itself.',
    },
  );
}

/**
 * Every value that snapd holds for these keys; for others it cannot be asked. `snap set` keeps `60` and `true` as JSON
 * has them.
 */
async function readAll(ask = snapctl): Promise<Record<string, unknown>> {
  const { ok, stdout, stderr } = await ask('get', '-d', ...Object.keys(CONFIG_KEYS));
  if (!ok) throw new LivepatchError('storage', `snapd does not tell what was set: ${stderr}`);
  return JSON.parse(stdout);
}

/** The same, as it would be written in the file. */
async function readTexts(ask = snapctl): Promise<Record<string, string>> {
  const values = Object.entries(await readAll(ask));
  return Object.fromEntries(
    values.map(([name, value]) => {
      if (typeof value === 'object') {
        throw new LivepatchError('config', `config update aborted: ${name}: must be a single value`);
      }
      return [name, String(value)];
    }),
  );
}
