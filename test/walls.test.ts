import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Files at the root of src that every room may use: the nouns, the errors, the bounds. */
const GROUND = ['errors.ts', 'limits.ts', 'programs.ts', 'schemas.ts', 'secret.ts', 'text.ts', 'types.ts'];

/** What a room, or a file at the root, may use besides itself and the ground. Arrows go down only. */
const DOORS: Record<string, string[]> = {
  'main.ts': ['commands', 'kernel', 'context.ts'],
  'context.ts': ['operations', 'source', 'kernel', 'store', 'commands'],
  // What is ours to start depends on where we are.
  'programs.ts': ['snapd'],
  'read-only-context.ts': ['operations', 'kernel', 'store'],
  commands: ['operations', 'report', 'context.ts', 'read-only-context.ts'],
  operations: ['policy', 'source', 'patch', 'kernel', 'store', 'report', 'snapd'],
  publish: ['commands', 'policy', 'source', 'patch', 'store', 'kernel'],
  kernel: ['snapd'],
  store: ['patch', 'policy', 'snapd'],
  source: ['policy'],
  snapd: [],
  patch: [],
  policy: [],
  report: ['policy'],
};

const NETWORK = /^node:(net|tls|https?|http2|dns)|^got/;
const PURE = /^node:(fs|net|tls|https?|http2|dns|child_process|os)|^(got|execa)/;

/** Modules that a room must not load, so that it cannot do what is another room's to do. */
const FORBIDDEN: Record<string, RegExp> = {
  policy: PURE,
  patch: PURE,
  report: PURE,
  kernel: NETWORK,
  store: NETWORK,
  snapd: NETWORK,
  source: /^node:child_process|^execa/,
  operations: /^node:|^(got|execa)/,
  commands: /^node:(net|tls|https?|http2|dns|child_process)|^(got|execa)/,
};

const src = join(import.meta.dirname, '../src');
const files = globSync('**/*.ts', { cwd: src });

function importsOf(file: string): string[] {
  const text = readFileSync(join(src, file), 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] as string);
}

/** The room of a file; a file at the root is a room of its own. */
const roomOf = (file: string) => file.split('/')[0] as string;

describe('the walls of the house', () => {
  it('cover every room and every file at the root', () => {
    const isRoom = (room: string) => !GROUND.includes(room);
    const rooms = new Set(files.map(roomOf).filter(isRoom));
    expect([...rooms].sort()).toEqual(Object.keys(DOORS).filter(isRoom).sort());
  });

  it.each(files)('%s uses only the rooms below it', (file) => {
    const room = roomOf(file);
    const used = importsOf(file)
      .filter((name) => name.startsWith('.') && !name.endsWith('.json'))
      .map((name) => roomOf(relative(src, join(src, dirname(file), name))))
      .filter((other) => other !== room && !GROUND.includes(other));
    expect(used.filter((other) => !DOORS[room]?.includes(other))).toEqual([]);
  });

  it('start programs in one place', () => {
    const starters = files.filter((file) =>
      /child_process|['"]execa/.test(readFileSync(join(src, file), 'utf8')),
    );
    expect(starters).toEqual(['programs.ts']);
  });

  it.each(files.filter((file) => FORBIDDEN[roomOf(file)]))('%s loads nothing its room may not', (file) => {
    const forbidden = FORBIDDEN[roomOf(file)] as RegExp;
    expect(importsOf(file).filter((name) => forbidden.test(name))).toEqual([]);
  });
});
