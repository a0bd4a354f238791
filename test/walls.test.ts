import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Which rooms a room may use, besides itself and the ground that all stand on. */
const DOORS: Record<string, string[]> = {
  commands: ['operations', 'report'],
  operations: ['remote', 'patch', 'kernel', 'store', 'report'],
  remote: [],
  patch: [],
  kernel: [],
  store: [],
  report: [],
};

/** Modules of Node that a room must not touch. */
const FORBIDDEN: Record<string, RegExp> = {
  patch: /^node:(fs|net|tls|https?|child_process|os)|^(got|execa)/,
  report: /^node:(fs|net|tls|https?|child_process|os)|^(got|execa)/,
  kernel: /^node:(net|tls|https?|http2|dns)|^got/,
  store: /^node:(net|tls|https?|http2|dns)|^got/,
  remote: /^node:child_process|^execa/,
  operations: /^node:|^(got|execa)/,
};

const src = join(import.meta.dirname, '../src');
const files = globSync('**/*.ts', { cwd: src });

function importsOf(file: string): string[] {
  const text = readFileSync(join(src, file), 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] as string);
}

const roomOf = (file: string) => (file.includes('/') ? (file.split('/')[0] as string) : '');

describe('the walls of the house', () => {
  it('knows every room', () => {
    const rooms = new Set(files.map(roomOf).filter((room) => room !== ''));
    expect([...rooms].sort()).toEqual(Object.keys(DOORS).sort());
  });

  it.each(files.filter((file) => roomOf(file) !== ''))('%s uses only the rooms below it', (file) => {
    const room = roomOf(file);
    const used = importsOf(file)
      .filter((name) => name.startsWith('.'))
      .map((name) => roomOf(relative(src, join(src, dirname(file), name))))
      .filter((other) => other !== '' && other !== room);
    expect(used.filter((other) => !DOORS[room]?.includes(other))).toEqual([]);
  });

  it.each(files.filter((file) => FORBIDDEN[roomOf(file)]))('%s touches nothing its room may not', (file) => {
    const forbidden = FORBIDDEN[roomOf(file)] as RegExp;
    expect(importsOf(file).filter((name) => forbidden.test(name))).toEqual([]);
  });
});
