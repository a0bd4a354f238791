import * as v from 'valibot';
import { LivepatchError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { maskPassword } from '../secret.ts';
import { inSnap, snapctl } from '../snapd/snapctl.ts';
import { MASK } from './config.ts';
import { CONFIG_KEYS, holdsPrivateKey, isConfigKey } from './config-keys.ts';
import { readIfThere, writeAtomic } from './files.ts';

/** The configuration as `snap get` and `snap set` see it: a second face of the configuration file. */
export interface SnapSettings {
  /**
   * Whether this very revision has published before. Then what is different now was asked for with `snap set`, by
   * somebody who is told of mistakes. Otherwise the snap was installed, refreshed or reverted, which must not fail over
   * a value that another revision understood.
   */
  isSettled(): boolean;
  /**
   * What was set or unset with `snap` since the last `publish`; an unset key is empty. What was changed in the file
   * meanwhile is no concern of it, and neither are keys of another revision.
   * @throws LivepatchError `config` when settled, for what cannot be taken over; `storage` when snapd does not answer.
   */
  changes(): Promise<Record<string, string>>;
  /**
   * Lets `snap get` show these values, passwords and private keys masked: snapctl takes them as arguments, which anybody
   * can read in /proc. No-op where there is no snapd.
   * @throws LivepatchError `config`, `storage`
   */
  publish(texts: Record<string, string>): Promise<void>;
}

/** What was published last, and by which revision. */
const PublishedSchema = v.object({
  revision: v.optional(v.string()),
  values: v.record(v.string(), v.string()),
});
type Published = v.InferOutput<typeof PublishedSchema>;

/**
 * @param path keeps what was published last.
 * @param revision of the snap, as snapd names it.
 * @param ask undefined outside a snap.
 */
export function snapSettings(
  path: string,
  revision: string | undefined,
  ask = inSnap ? snapctl : undefined,
): SnapSettings {
  const isSettled = () => {
    const { revision: last } = readPublished(path);
    return last !== undefined && last === revision;
  };
  return {
    isSettled,
    async changes() {
      const before = readPublished(path).values;
      const now = await readAll(ask);
      const names = new Set([...Object.keys(before), ...Object.keys(now)].filter(isConfigKey));
      const changed = [...names].filter((name) => before[name] !== textOf(now[name]));
      if (isSettled()) for (const name of changed) requireWhole(name, now[name]);
      const whole = changed.filter((name) => problemOf(name, now[name]) === undefined);
      return Object.fromEntries(whole.map((name) => [name, textOf(now[name]) ?? '']));
    },
    async publish(texts) {
      if (ask === undefined) return;
      const values = Object.fromEntries(
        Object.entries(texts).map(([name, text]) => [name, masked(name, text)]),
      );
      // What snapd holds, not what it was told: a password that was just set there is to be masked there, too.
      const held = await readAll(ask);
      const stale = Object.keys(values).filter((name) => held[name] !== values[name]);
      if (stale.length > 0) await tell(ask, values, stale);
      writeAtomic(path, `${JSON.stringify({ revision, values } satisfies Published)}\n`);
    },
  };
}

/** Nothing when it cannot be read or understood: then all that snapd holds counts as new, which costs no refresh. */
function readPublished(path: string): Published {
  try {
    return v.parse(PublishedSchema, JSON.parse(readIfThere(path) ?? ''));
  } catch {
    return { values: {} };
  }
}

async function tell(ask: typeof snapctl, shown: Record<string, string>, names: string[]): Promise<void> {
  // -s: a string, whatever it looks like.
  const { ok, stderr } = await ask('set', '-s', ...names.map((name) => `${name}=${shown[name]}`));
  if (ok) return;
  throw new LivepatchError(
    'storage',
    `the configuration is changed, but snap get does not show it: ${stderr}`,
    { hint: "'canonical-livepatch config' shows what counts; see 'snap changes' for what snapd is doing." },
  );
}

/** Stars are no change when they come back, because snapd was told them. */
function masked(name: string, text: string): string {
  const isTooLong = Buffer.byteLength(text) > LIMITS.store.argumentBytes;
  if (isTooLong || holdsPrivateKey(text)) return MASK;
  return isAddress(name) ? maskPassword(text, MASK) : text;
}

const isAddress = (name: string) => name.endsWith('-proxy') || name === 'remote-server';

/** A person who edits what `snap get` showed must not have the stars taken for a password. */
function problemOf(name: string, value: unknown): string | undefined {
  if (typeof value === 'object' && value !== null) return 'must be a single value';
  const text = textOf(value) ?? '';
  const isMasked = text === MASK || (isAddress(name) && text.includes(`:${MASK}@`));
  return isMasked ? `holds ${MASK}, which is only shown in place of a secret or a long text` : undefined;
}

function requireWhole(name: string, value: unknown): void {
  const problem = problemOf(name, value);
  if (problem === undefined) return;
  throw new LivepatchError('config', `config update aborted: ${name}: ${problem}`, {
    hint: 'Set it whole, the password itself included.',
  });
}

/** As it would be written in the file: `snap set` keeps `60` and `true` as JSON has them. */
function textOf(value: unknown): string | undefined {
  return value === undefined || value === null ? undefined : String(value);
}

/** Every value that snapd holds for these keys; for others it cannot be asked. */
async function readAll(ask = snapctl): Promise<Record<string, unknown>> {
  const { ok, stdout, stderr } = await ask('get', '-d', ...Object.keys(CONFIG_KEYS));
  if (!ok)
    throw new LivepatchError('storage', `cannot read the settings of the snap: ${stderr}`, {
      hint: "Is snapd running? 'canonical-livepatch config' reads and sets the same without it.",
    });
  return JSON.parse(stdout);
}
