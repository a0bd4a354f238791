import { type Document, isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { LivepatchError, messageOf } from '../errors.ts';
import type { Config } from '../types.ts';
import { CONFIG_KEYS, type ConfigKey, isConfigKey, parseConfig } from './config-keys.ts';
import { readIfThere, writeAtomic } from './files.ts';

/** The configuration file: YAML that a person may edit, whose comments stay. */
export interface ConfigFile {
  /** @throws LivepatchError `config` naming line and key, `storage` */
  read(): Config;
  /** Every key with its value as written, or its default. */
  texts(): Record<ConfigKey, string>;
  /** What `read` would give after these changes. @throws LivepatchError as `update` */
  preview(changes: Record<string, string>): Config;
  /**
   * Sets several keys at once, all or none; an empty value puts the default back.
   * @throws LivepatchError `config`: `config update aborted: <key>: <reason>`
   */
  update(changes: Record<string, string>): void;
}

export function configFile(path: string): ConfigFile {
  const load = () => parseFile(path, readIfThere(path) ?? '');
  return {
    read: () => parseConfig(textsOf(path, load())),
    texts() {
      const written = textsOf(path, load());
      const keys = Object.keys(CONFIG_KEYS) as ConfigKey[];
      return Object.fromEntries(keys.map((key) => [key, written[key] ?? CONFIG_KEYS[key].default])) as Record<
        ConfigKey,
        string
      >;
    },
    preview: (changes) => parseConfig(textsOf(path, parseFile(path, changed(load(), changes)))),
    update: (changes) => writeAtomic(path, changed(load(), changes)),
  };
}

/** The file's text after all of the changes; nothing is written before every one has been understood. */
function changed({ document }: Parsed, changes: Record<string, string>): string {
  for (const [key, value] of Object.entries(changes)) {
    if (!isConfigKey(key)) throw updateAborted(key, 'is not a configuration key');
    try {
      CONFIG_KEYS[key].parse(value || CONFIG_KEYS[key].default);
    } catch (error) {
      throw updateAborted(key, messageOf(error));
    }
    if (value === '') document.delete(key);
    else document.set(key, value);
  }
  return document.toString();
}

interface Parsed {
  document: Document.Parsed;
  lines: LineCounter;
}

function parseFile(path: string, text: string): Parsed {
  const lines = new LineCounter();
  // `failsafe`: every value is the string that was written, so `false` and `60` need no quotes and no guessing.
  const document = parseDocument(text, { schema: 'failsafe', lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) throw broken(path, lines.linePos(error.pos[0]).line, error.message);
  if (document.contents === null) document.contents = document.createNode({}) as never;
  if (!isMap(document.contents)) throw broken(path, 1, 'must be lines of "key: value"');
  return { document, lines };
}

/** @throws LivepatchError `config` naming line and key when a key is unknown or its value breaks its rule. */
function textsOf(path: string, { document, lines }: Parsed): Partial<Record<ConfigKey, string>> {
  const texts: Partial<Record<ConfigKey, string>> = {};
  if (!isMap(document.contents)) return texts;
  for (const { key, value } of document.contents.items) {
    const node = key as { value?: unknown; range?: [number, number, number] | null };
    const line = lines.linePos(node.range?.[0] ?? 0).line;
    const name = String(node.value);
    const text = isScalar(value) ? (value.value ?? '') : undefined;
    if (!isConfigKey(name)) throw broken(path, line, `${name}: is not a configuration key`);
    if (typeof text !== 'string') throw broken(path, line, `${name}: must be a single value`);
    try {
      CONFIG_KEYS[name].parse(text || CONFIG_KEYS[name].default);
    } catch (error) {
      throw broken(path, line, `${name}: ${messageOf(error)}`);
    }
    texts[name] = text;
  }
  return texts;
}

function updateAborted(key: string, reason: string): LivepatchError {
  return new LivepatchError('config', `config update aborted: ${key}: ${reason}`, {
    hint: "Nothing was changed. 'canonical-livepatch config' shows all keys.",
  });
}

function broken(path: string, line: number, reason: string): LivepatchError {
  return new LivepatchError('config', `${path}, line ${line}: ${reason}`, {
    hint: 'Correct the file, or remove it to return to the defaults. The machine stays enabled.',
  });
}
