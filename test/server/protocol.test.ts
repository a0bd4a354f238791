import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { EXIT_STATUS } from '../../src/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import {
  CheckIn,
  CheckInAnswer,
  CvesAnswer,
  ErrorAnswer,
  InfoAnswer,
  ISSUED_AT_HEADER,
  NONCE_HEADER,
  PingRequest,
  RegisterAnswer,
  RegisterRequest,
  SCHEMA,
  SupportedAnswer,
} from '../../src/source/server/messages.ts';

const BODIES = {
  RegisterRequest,
  RegisterAnswer,
  CheckIn,
  CheckInAnswer,
  InfoAnswer,
  CvesAnswer,
  PingRequest,
  SupportedAnswer,
  ErrorAnswer,
};

const page = await readFile(join(import.meta.dirname, '../../PROTOCOL.md'), 'utf8');
const examples = [...page.matchAll(/^```json (\w+)\n(.*?)^```$/gms)].map(([, name = '', text = '']) => ({
  name,
  text,
}));
const tables = [...page.matchAll(/^\| `(\w+)` \| type \|.*\n\|---.*\n((?:\|.*\n)+)/gm)].map(
  ([, name = '', rows = '']) => ({
    name,
    fields: [...rows.matchAll(/^\| `([^`]+)` \|/gm)].map(([, field]) => field),
  }),
);

const exampleOf = (name: string) => examples.find((example) => example.name === name)?.text ?? '';

/** `patch`, `patch.version`, `candidates[].fixes[].name`: the fields of a schema as the tables write them. */
function fieldsOf(schema: unknown, prefix = ''): string[] {
  const { type, entries, item, wrapped, pipe } = schema as {
    type: string;
    entries?: Record<string, unknown>;
    item?: unknown;
    wrapped?: unknown;
    pipe?: unknown[];
  };
  if (wrapped !== undefined) return fieldsOf(wrapped, prefix);
  if (type === 'array') return fieldsOf(item, `${prefix}[]`);
  if (entries === undefined)
    return pipe?.[0] === undefined || pipe[0] === schema ? [] : fieldsOf(pipe[0], prefix);
  return Object.entries(entries).flatMap(([name, entry]) => {
    const field = prefix === '' ? name : `${prefix}.${name}`;
    return [field, ...fieldsOf(entry, field)];
  });
}

/** A value once for each text in it, which is another one then. */
function withOneText(value: unknown, change: (text: string) => string): unknown[] {
  if (typeof value === 'string') return [change(value)];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    withOneText(inner, change).map((changed) =>
      Array.isArray(value) ? value.with(Number(key), changed) : { ...value, [key]: changed },
    ),
  );
}

/** A value once for each field in it, however deep, and each type that the field has not. */
function withOneWrong(value: unknown, path = ''): { path: string; wrong: unknown; changed: unknown }[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const field = path === '' ? key : `${path}.${key}`;
    const put = (changed: unknown) =>
      Array.isArray(value) ? value.with(Number(key), changed) : { ...value, [key]: changed };
    // An empty array passes for an object; what it lacks is named then.
    const others = kindOf(inner) === 'object' ? [null, 'x', 0, true] : [null, 'x', 0, true, {}, []];
    const wrong = others.filter((other) => kindOf(other) !== kindOf(inner));
    return [
      ...wrong.map((other) => ({ path: field, wrong: other, changed: put(other) })),
      ...withOneWrong(inner, field).map((deep) => ({ ...deep, changed: put(deep.changed) })),
    ];
  });
}

const kindOf = (value: unknown) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value);

describe('PROTOCOL.md', () => {
  it('has every JSON block under the name of a body', () => {
    expect(examples.map(({ name }) => name)).toHaveLength(page.match(/^```json/gm)?.length ?? 0);
    expect(new Set(examples.map(({ name }) => name))).toEqual(new Set(Object.keys(BODIES)));
  });

  it.each(examples)('gives a true example of $name (%#)', ({ name, text }) => {
    const example = JSON.parse(text);

    // Equal: nothing of it is a field that the schema does not know.
    expect(v.parse(BODIES[name as keyof typeof BODIES], example)).toEqual(example);
  });

  it.each(examples)('ignores a field of $name that nobody knows (%#)', ({ name, text }) => {
    const example = JSON.parse(text);

    expect(v.parse(BODIES[name as keyof typeof BODIES], { ...example, later: { and: 'more' } })).toEqual(
      example,
    );
  });

  it.each(examples)('refuses a wrong type of any field of $name, by its name (%#)', ({ name, text }) => {
    const example = JSON.parse(text);
    const body = BODIES[name as keyof typeof BODIES];
    for (const { path, wrong, changed } of withOneWrong(example)) {
      const { issues = [] } = v.safeParse(body, changed);

      expect(
        issues.map((issue) => v.getDotPath(issue)),
        `${path}: ${JSON.stringify(wrong)}`,
      ).toContain(path);
    }
  });

  it.each(examples)('lets no text of $name be unprintable (%#)', ({ name, text }) => {
    const body = BODIES[name as keyof typeof BODIES];
    for (const character of ['\x1b', '\x9b', '\u202e', '\u2028', '\ud800']) {
      for (const spoilt of withOneText(JSON.parse(text), (value) => `${value}${character}`)) {
        expect(v.safeParse(body, spoilt).success).toBe(false);
      }
    }
  });

  it.each(Object.entries(BODIES))('lists the fields of %s', (name, schema) => {
    expect(tables.find((table) => table.name === name)?.fields).toEqual(fieldsOf(schema));
  });

  it('gives an example of CVE data that hashes to its ETag', () => {
    const [, body = ''] = /^The digest .* is over `(.*)`\.$/m.exec(page) ?? [];

    expect(JSON.parse(body)).toEqual(JSON.parse(exampleOf('CvesAnswer')));
    expect(page).toContain(`\nETag: "${createHash('sha256').update(body).digest('hex')}"\n`);
  });

  it('lists every error code that a ping may carry', () => {
    const [, listed = ''] = /^\| `code` \|.* one of these: (.*) \|$/m.exec(page) ?? [];

    expect(listed.split(', ')).toEqual(Object.keys(EXIT_STATUS).map((code) => `\`${code}\``));
  });

  it('names the version and the bounds that the code has', () => {
    expect(page).toContain(`at most ${LIMITS.patch.candidates}; a server leaves out the oldest`);
    expect(page).toContain(`most ${LIMITS.patch.fixes} entries, ${LIMITS.patch.fixesOfAll} in one answer`);
    expect(page).toContain(`\`schema\` is the version of the body, now ${SCHEMA}.`);
  });

  it.each([NONCE_HEADER, ISSUED_AT_HEADER])('shows the header %s', (header) => {
    expect(page.toLowerCase()).toContain(`\n${header}: `);
  });
});
