import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const page = readFileSync(join(root, 'SECURITY.md'), 'utf8');

/** A row of SECURITY.md: what an attacker tries, what is claimed to stop it, and what is said to show each claim. */
interface Row {
  attacker: string;
  claims: string[];
  tests: { number: number; file: string; title: string }[];
}

function rowsOf(text: string): Row[] {
  const tables = text.split(/^\| the attacker \| is stopped by \| shown by \|\n\|---.*\n/m).slice(1);
  return tables.flatMap((table) => (table.split('\n\n')[0] ?? '').trim().split('\n').map(rowOf));
}

function rowOf(line: string): Row {
  const [, attacker = '', stops = '', shown = ''] = /^\| (.+?) \| (.+?) \| (.+) \|$/.exec(line) ?? [];
  return {
    attacker,
    claims: stops.split(/\*\*\d+\*\* /).slice(1),
    tests: shown.split('<br>').map((cell) => {
      const [, number, file = '', title = ''] = /^(\d+) `(test\/\S+\.ts)` › (.+)$/.exec(cell) ?? [];
      return { number: Number(number), file, title };
    }),
  };
}

/** What tests and groups of them are called: a text that is followed by a function or by options. */
function titlesIn(source: string): string[] {
  const calls = /\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1\s*,\s*(?:async\b|\(|\{|\w+\s*=>)/g;
  return [...source.matchAll(calls)].map(([, , title = '']) => title.replaceAll(/\\(['"`])/g, '$1'));
}

const rows = rowsOf(page);

describe('SECURITY.md', () => {
  it('has a row for each kind of attacker', () => {
    expect(rows.length).toBeGreaterThan(50);
    expect(rows.filter(({ attacker }) => attacker === '')).toEqual([]);
  });

  it.each(rows)('names a test for each thing that it claims about one who $attacker', ({ claims, tests }) => {
    expect(claims).not.toEqual([]);
    expect(tests.map(({ number }) => number)).toEqual(claims.map((_, index) => index + 1));
  });

  // A second claim behind a comma and "and" would hide behind the test of the first.
  it.each(rows)('claims one thing at a time about one who $attacker', ({ claims }) => {
    expect(claims.filter((claim) => claim.length > 130)).toEqual([]);
  });

  it.each(rows.flatMap(({ tests }) => tests))('names a test that there is: $file › $title', (test) => {
    expect(existsSync(join(root, test.file))).toBe(true);
    expect(titlesIn(readFileSync(join(root, test.file), 'utf8'))).toContain(test.title);
  });
});

describe('a row of SECURITY.md that says more than its tests', () => {
  const table = (row: string) => `| the attacker | is stopped by | shown by |\n|---|---|---|\n${row}\n\n`;

  it('is found: a claim has no test', () => {
    const [row] = rowsOf(table('| does | **1** this; **2** that | 1 `test/a.test.ts` › does this |'));
    expect(row?.claims).toHaveLength(2);
    expect(row?.tests.map(({ number }) => number)).toEqual([1]);
  });

  it('is found: a test that is only spoken of in a comment', () => {
    expect(titlesIn("// it('does this')\nit('does that', () => {});")).toEqual(['does that']);
  });
});
