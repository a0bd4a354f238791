import { Document, isAlias, isMap, isScalar, parseDocument, type YAMLError } from 'yaml';
import { isConfigKey } from './config-keys.ts';

/**
 * The configuration file as a list of its lines: what belongs to each key, and what is between. Each key is parsed by
 * itself, so that a broken line stops nothing but itself, and stays as it is when another one is changed.
 */
export interface Part {
  /** Where it begins, counted from 1. */
  line: number;
  /** With its line ends. */
  text: string;
  /** Undefined for comments, empty lines, and what names no key. */
  key?: string | undefined;
  /** As written, quotes and the like taken off. Undefined when that cannot be said. */
  value?: string | undefined;
  /** Why it cannot be understood, to follow "line 3: ". */
  problem?: string | undefined;
}

/** Comments, empty lines, and the mark of a document's beginning. */
const BETWEEN = /^[ \t]*(#.*)?\r?\n?$|^---[ \t]*(#.*)?\r?\n?$/;

/** What cannot be understood is in the list, too. */
export function parseLines(text: string): Part[] {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const indent = indentOf(lines.find((line) => !BETWEEN.test(line)) ?? '');
  const parts: Part[] = [];
  let between: Part[] = [];
  for (const [index, line] of lines.entries()) {
    const last = parts.at(-1);
    if (indentOf(line) > indent && last !== undefined && !/^[ \t]*\r?\n?$/.test(line)) {
      // It goes on, over what looked like the space before the next key.
      last.text += between.map((part) => part.text).join('') + line;
      between = [];
    } else if (BETWEEN.test(line)) {
      between.push({ line: index + 1, text: line });
    } else {
      parts.push(...between, { line: index + 1, text: line, key: '' });
      between = [];
    }
  }
  return [...parts, ...between].map((part) => (part.key === undefined ? part : parsePart(part)));
}

const indentOf = (line: string) => /^[ \t]*/.exec(line)?.[0].length ?? 0;

function parsePart({ line, text }: Part): Part {
  // `failsafe`: every value is the string that was written, so `false` and `60` need no quotes and no guessing.
  const { contents, errors, warnings } = parseDocument(text, { schema: 'failsafe', prettyErrors: false });
  const [pair, ...more] = isMap(contents) && contents.flow !== true ? contents.items : [];
  if (pair === undefined || more.length > 0) {
    const key = wordOf(text);
    return { line, text, key, problem: key === undefined ? NO_PAIR : reasonOf(errors[0]) };
  }
  const key = isScalar(pair.key) ? String(pair.key.value) : undefined;
  const [error] = [...errors, ...warnings];
  if (error !== undefined) return { line, text, key, problem: reasonOf(error) };
  const { value } = pair;
  if (value === null) return { line, text, key, value: '' };
  if (!isScalar(value))
    return { line, text, key, problem: isAlias(value) ? QUOTE : 'must be a single value' };
  if (value.anchor !== undefined || value.tag !== undefined) return { line, text, key, problem: QUOTE };
  return { line, text, key, value: String(value.value ?? '') };
}

/** The key that a line without a colon, or the like, is about; only one that is known, since it may be anything else. */
function wordOf(text: string): string | undefined {
  const word = /^[\s"']*([a-z0-9-]+)/.exec(text)?.[1];
  return word !== undefined && isConfigKey(word) ? word : undefined;
}

const NO_PAIR = 'must be of the form "key: value"';
const QUOTE =
  'must be in single quotes, because it begins with a character that means something else in YAML';

/** The library speaks to programmers. */
const REASONS: Partial<Record<YAMLError['code'], string>> = {
  BAD_ALIAS: QUOTE,
  BAD_DQ_ESCAPE: 'holds a \\ in double quotes that means something else there: use single quotes',
  BAD_SCALAR_START: QUOTE,
  BLOCK_AS_IMPLICIT_KEY: 'must be in single quotes, because it holds a colon and a space',
  TAB_AS_INDENT: 'is indented by a tab: use spaces',
  TAG_RESOLVE_FAILED: QUOTE,
};

function reasonOf(error: YAMLError | undefined): string {
  if (error === undefined) return NO_PAIR;
  if (error.code === 'MISSING_CHAR') {
    return error.message.includes('quote') ? 'begins with a quote that is not closed' : NO_PAIR;
  }
  return REASONS[error.code] ?? 'cannot be understood; put the value in single quotes, on one line';
}

/**
 * The text after a key was set, all else being as it was.
 * @param value empty to leave the key out.
 */
export function withValue(parts: readonly Part[], key: string, value: string): string {
  const at = parts.findIndex((part) => part.key === key);
  const first = parts.find((part) => part.key !== undefined);
  const indent = ' '.repeat(indentOf(first?.text ?? ''));
  const texts = parts.map((part, index) => {
    if (part.key !== key) return part.text;
    return index === at && value !== '' ? indented(changedPart(part, value), indent) : '';
  });
  if (at !== -1 || value === '') return texts.join('');
  const before = texts.join('');
  return `${before}${before === '' || before.endsWith('\n') ? '' : '\n'}${indented(newPart(key, value), indent)}`;
}

/** With the comment that is on its line. */
function changedPart({ text, key = '', problem }: Part, value: string): string {
  if (problem !== undefined) return newPart(key, value);
  const document = parseDocument(text, { schema: 'failsafe', prettyErrors: false });
  document.set(key, value);
  const changed = document.toString({ lineWidth: 0 });
  const [part, ...more] = parseLines(changed);
  return part?.value === value && more.length === 0 ? changed : newPart(key, value);
}

function newPart(key: string, value: string): string {
  return new Document({ [key]: value }, { schema: 'failsafe' }).toString({ lineWidth: 0 });
}

const indented = (text: string, indent: string) => text.replace(/^(?=.)/gm, indent);
