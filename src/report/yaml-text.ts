import { wholeSeconds } from './format.ts';

/** What can be printed as YAML; keys whose value is undefined are left out. */
export type YamlValue = string | number | boolean | null | Date | readonly YamlValue[] | YamlMap;
export interface YamlMap {
  readonly [key: string]: YamlValue | undefined;
}

/**
 * A value as YAML that every reader in the field reads alike, in YAML 1.1 (PyYAML, Go) and 1.2: a string stays a string
 * whatever it looks like, and nothing in it can end its line. Plain is only what is known to be safe. To be printed with a line feed after it.
 */
export function yamlText(value: YamlMap | readonly YamlValue[]): string {
  return linesOf(value).join('\n');
}

/** A collection's lines; a value that fits on one is one line. */
function linesOf(value: YamlValue): string[] {
  if (isList(value) && value.length > 0) {
    return value.flatMap((item) => linesOf(item).map((line, index) => `${index === 0 ? '- ' : '  '}${line}`));
  }
  if (isMap(value)) {
    const lines = Object.entries(value).flatMap(([key, inner]) =>
      inner === undefined ? [] : entry(scalar(key), inner),
    );
    if (lines.length > 0) return lines;
  }
  return [scalar(value)];
}

function entry(key: string, value: YamlValue): string[] {
  if (typeof value === 'string' && BLOCK.test(value)) {
    const keep = value.endsWith('\n') ? '|' : '|-';
    return [`${key}: ${keep}`, ...indented(value.trimEnd().split('\n'))];
  }
  const lines = linesOf(value);
  if (isList(value) && value.length > 0) return [`${key}:`, ...lines];
  if (isMap(value) && Object.values(value).some((inner) => inner !== undefined))
    return [`${key}:`, ...indented(lines)];
  return [`${key}: ${lines[0]}`];
}

function indented(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`);
}

function scalar(value: YamlValue): string {
  if (typeof value === 'string') return isPlain(value) ? value : quoted(value);
  // As Go prints a time: plain, so that a reader with timestamps has a timestamp.
  if (value instanceof Date) return wholeSeconds(value.toISOString());
  if (isList(value)) return '[]';
  return isMap(value) ? '{}' : String(value);
}

/** Two lines or more of printable ASCII, none of which begins or ends with a space: literal as they are. */
const BLOCK = /^(?:[!-~](?:[ -~]*[!-~])?\n)+(?:[!-~](?:[ -~]*[!-~])?)?$/;

/** Words, names and addresses. None of these characters has a meaning where it can stand here. */
const WORDS = /^[A-Za-z](?:[\w .+~()@,/-]|:(?=[^\s]))*(?<! )$/;
/** Booleans and nulls of YAML 1.1. */
const RESERVED = /^(?:y|n|yes|no|on|off|true|false|null)$/i;
/** Kernels and versions, which no number looks like. */
const RELEASE = /^\d+\.\d+\.\d+(?:[.+~-][\w.+~-]*)?$/;
const DURATION = /^(?:\d+h)?(?:\d+m)?\d+s$/;
/** Machine ids; `0b01` and `12e3` are numbers to some. */
const HEX = /^(?=.*[acdf])[\da-f]+$/;

function isPlain(text: string): boolean {
  return [WORDS, RELEASE, DURATION, HEX].some((form) => form.test(text)) && !RESERVED.test(text);
}

/** Double quotes, where every character can be written as an escape (YAML 1.2 section 5.7). */
function quoted(text: string): string {
  return `"${text.toWellFormed().replace(/["\\]|[^\P{Z} ]|\p{C}/gu, escaped)}"`;
}

function escaped(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  if (character === '\n') return '\\n';
  if (character === '\t') return '\\t';
  const code = character.codePointAt(0) as number;
  if (code <= 0xff) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code <= 0xffff) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\U${code.toString(16).padStart(8, '0')}`;
}

function isList(value: YamlValue): value is readonly YamlValue[] {
  return Array.isArray(value);
}

function isMap(value: YamlValue): value is YamlMap {
  return typeof value === 'object' && value !== null && !isList(value) && !(value instanceof Date);
}
