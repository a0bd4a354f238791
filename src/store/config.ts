import { LivepatchError } from '../errors.ts';
import type { Config } from '../types.ts';
import {
  CONFIG_KEYS,
  type ConfigKey,
  type ConfigTexts,
  conflictIn,
  holdsPrivateKey,
  isConfigKey,
  parseConfig,
  problemOf,
  ruleOf,
} from './config-keys.ts';
import { type Part, parseLines, withValue } from './config-lines.ts';
import { readIfThere, writeAtomic } from './files.ts';

/** The configuration file: YAML that a person may edit, whose comments stay. */
export interface ConfigFile {
  /**
   * A broken line stops nothing but itself where something safe can stand in for it; see `problems`.
   * @throws LivepatchError `config` naming line and key, `no-permission`
   */
  read(): Config;
  /** All that is wrong in the file, for people: what `read` passes over and what it throws. Never throws. */
  problems(): string[];
  /** Every key with its value as written, or its default; a private key masked. @throws LivepatchError as `read` */
  texts(): Record<ConfigKey, string>;
  /** What `read` would give after these changes. @throws LivepatchError as `read` and `update` */
  preview(changes: Record<string, string>): Config;
  /** Whether `update` would take these changes; writes nothing. @throws LivepatchError as `update` */
  check(changes: Record<string, string>): void;
  /**
   * Sets several keys at once, all or none; an empty value puts the default back. What is broken in other lines is no
   * reason against it, and stays as it is.
   * @throws LivepatchError `config`: `config update aborted: <key>: <reason>`
   */
  update(changes: Record<string, string>): void;
}

/** @param hasShippedRoot whether the client came with the root of a catalogue. */
export function configFile(path: string, hasShippedRoot = () => false): ConfigFile {
  let last: { text: string; parts: Part[]; judgement: Judgement } | undefined;
  /** A command asks several times; text that has not changed since is not parsed again. */
  function current() {
    const text = readText(path);
    if (text !== last?.text) {
      const parts = parseLines(text);
      last = { text, parts, judgement: judge(path, parts, hasShippedRoot()) };
    }
    return last;
  }
  const load = () => current().parts;
  return {
    read: () => configOf(current().judgement),
    problems() {
      try {
        const { fatal, passed } = current().judgement;
        return [...fatal, ...passed];
      } catch (error) {
        if (error instanceof LivepatchError) return [error.message];
        throw error;
      }
    },
    texts() {
      const written = load();
      const keys = Object.keys(CONFIG_KEYS) as ConfigKey[];
      const texts = keys.map((key) => {
        const text = written.find((part) => part.key === key)?.value || CONFIG_KEYS[key].default;
        return [key, holdsPrivateKey(text) ? MASK : text];
      });
      return Object.fromEntries(texts);
    },
    preview(changes) {
      const parts = parseLines(changed(load(), changes, hasShippedRoot()));
      return configOf(judge(path, parts, hasShippedRoot()));
    },
    check: (changes) => void changed(load(), changes, hasShippedRoot()),
    update(changes) {
      if (Object.keys(changes).length > 0) writeAtomic(path, changed(load(), changes, hasShippedRoot()));
    },
  };
}

/** What is shown in place of a secret. */
export const MASK = '****';

function readText(path: string): string {
  try {
    return readIfThere(path) ?? '';
  } catch (error) {
    if (!(error instanceof LivepatchError) || error.code !== 'storage') throw error;
    throw new LivepatchError('config', error.message, {
      hint: `Put the file itself at ${path}, or remove what is there to return to the defaults. The machine stays enabled.`,
      cause: error,
    });
  }
}

function configOf({ fatal, texts }: Judgement): Config {
  const [first] = fatal;
  if (first === undefined) return parseConfig(texts);
  throw new LivepatchError('config', first, {
    hint: 'Correct that line, or remove it to return to its default. The machine stays enabled.',
  });
}

/** What a file comes to. */
interface Judgement {
  /** The values that count, with what stands in for broken ones. */
  texts: ConfigTexts;
  /** What nothing can stand in for. */
  fatal: string[];
  /** What is wrong, and does not stop anything. */
  passed: string[];
}

function judge(path: string, parts: readonly Part[], hasShippedRoot: boolean): Judgement {
  const { texts, fatal, passed }: Judgement = { texts: {}, fatal: [], passed: [] };
  const lines = new Map<string, number>();
  for (const part of parts.filter(({ key, problem }) => key !== undefined || problem !== undefined)) {
    const where = `${path}, line ${part.line}: `;
    const { key } = part;
    if (key === undefined) fatal.push(`${where}${part.problem}`);
    else if (!isConfigKey(key)) passed.push(`${where}${unknownKey(key)}`);
    else {
      const problem = problemIn(part, key, lines.get(key));
      const { standIn } = ruleOf(key);
      const text = problem === undefined ? part.value : standIn;
      if (text !== undefined) texts[key] = text;
      if (problem !== undefined && standIn === undefined) fatal.push(`${where}${key}: ${problem}`);
      if (problem !== undefined && standIn !== undefined) {
        passed.push(`${where}${key}: ${problem}; meanwhile it is ${standIn}`);
      }
      if (!lines.has(key)) lines.set(key, part.line);
    }
  }
  const conflict = conflictIn(texts, hasShippedRoot);
  if (conflict !== undefined) {
    fatal.push(`${path}, line ${lines.get(conflict.key)}: ${conflict.key}: ${conflict.problem}`);
  }
  return { texts, fatal, passed };
}

function problemIn({ problem, value = '' }: Part, key: ConfigKey, earlier: number | undefined) {
  if (earlier !== undefined) return `is also set in line ${earlier}: keep one of them`;
  return problem ?? problemOf(key, value);
}

/** Of a newer revision, perhaps, that was left: it is kept for when that comes back. */
function unknownKey(key: string): string {
  return `${isKeyLike(key) ? key : 'something'} is no configuration key of this version, and has no effect`;
}

/** The file's text after all of the changes; every one is judged before. */
function changed(parts: Part[], changes: Record<string, string>, hasShippedRoot: boolean): string {
  const tidied = Object.entries(changes).map(([key, value]) => [key, tidy(key, value)] as const);
  let now = parts;
  for (const [key, value] of tidied) {
    const text = withValue(now, key, value);
    now = parseLines(text);
    if (valueIn(now, key) !== value) throw updateAborted(key, 'cannot be kept in a file of text');
  }
  const texts = Object.fromEntries(
    (['remote-server', 'catalogue-root'] as const).map((key) => [key, valueIn(now, key)]),
  );
  const conflict = conflictIn(texts, hasShippedRoot);
  const [touched] = tidied.map(([key]) => key).filter((key) => key in texts);
  if (conflict !== undefined && touched !== undefined) {
    const { key, problem } = conflict;
    throw updateAborted(touched, touched === key ? problem : `is needed by ${key}: ${problem}`);
  }
  return now.map(({ text }) => text).join('');
}

const valueIn = (parts: readonly Part[], key: string) => parts.find((part) => part.key === key)?.value ?? '';

/** The value as it is to be written. @throws LivepatchError `config` when it cannot be. */
function tidy(key: string, value: string): string {
  if (!isConfigKey(key)) throw updateAborted(key, 'is not a configuration key');
  if (holdsPrivateKey(value)) throw updateAborted(key, 'holds a private key: give the certificates alone');
  const rule = ruleOf(key);
  const text = rule.lines ? value.replace(/^\ufeff/, '').replaceAll('\r\n', '\n') : value.trim();
  if (text === '' && value !== '') throw updateAborted(key, `is blank; '${key}=' puts the default back`);
  const problem = problemOf(key, text);
  if (problem !== undefined) throw updateAborted(key, problem);
  try {
    rule.whenSet?.(text);
  } catch (error) {
    throw updateAborted(key, (error as Error).message);
  }
  return text;
}

const isKeyLike = (text: string) => /^[a-z][a-z0-9-]{0,39}$/.test(text);

/** What does not look like a key may be anything, a password as well. */
function updateAborted(key: string, reason: string): LivepatchError {
  const name = isKeyLike(key) ? key : 'what is before the =';
  return new LivepatchError('config', `config update aborted: ${name}: ${reason}`, {
    hint: "Nothing was changed. 'canonical-livepatch config' shows all keys.",
  });
}
