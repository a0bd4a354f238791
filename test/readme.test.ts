import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { COMMANDS } from '../src/commands/index.ts';
import { EXIT_STATUS } from '../src/errors.ts';
import { CONFIG_KEYS } from '../src/store/config-keys.ts';

const root = join(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** A section with those below it. */
function section(heading: string): string {
  const [, marks = ''] = new RegExp(`^(#+) ${heading}$`, 'm').exec(readme) ?? [];
  const [, ...rest] = readme.split(`\n${marks} ${heading}\n`);
  return rest.join().split(new RegExp(`^#{1,${marks.length}} `, 'm'))[0] ?? '';
}

/** The first cell of every row, of all tables there. */
function firstCells(text: string): string[] {
  return [...text.matchAll(/^\| (.+?) \|/gm)].flatMap(([, cell = '']) => cell);
}

/** What stands in code; of `enable <token>` the word. */
const words = (cells: string[]) =>
  cells.flatMap((cell) => [...cell.matchAll(/`([^` ]+)[^`]*`/g)].map(([, word]) => word)).sort();

it('README names every command, and no other', () => {
  const [table = ''] = section('Commands')
    .split('\n\n')
    .filter((text) => text.includes('|---'));
  expect(words(firstCells(table))).toEqual(Object.keys(COMMANDS).sort());
});

it('README names every key of the configuration with its default, and no other', () => {
  expect(words(firstCells(section('Configuration')))).toEqual(Object.keys(CONFIG_KEYS).sort());
  for (const [key, rule] of Object.entries(CONFIG_KEYS)) {
    if (rule.default !== '') expect(readme).toContain(`| \`${key}\` | \`${rule.default}\` |`);
  }
});

it('README names every exit status, and no other', () => {
  const statuses = [...new Set([0, ...Object.values(EXIT_STATUS)])].sort((one, other) => one - other);
  expect(firstCells(section('Exit status'))).toEqual(['status', ...statuses.map(String)]);
});

it('what README says one may see is what the program says', () => {
  const sources = globSync(['src/**/*.ts', 'test/**/*.test.ts', 'test/server/*.ts'], { cwd: root })
    .filter((path) => path !== 'test/readme.test.ts')
    .map((path) => readFileSync(join(root, path), 'utf8').replaceAll("\\'", "'"))
    .join('\n');
  const seen = firstCells(section('When something is wrong')).flatMap((cell) =>
    [...cell.matchAll(/`([^`]+)`/g)].flatMap(([, text = '']) => text.split(/…|: |\d+/)),
  );
  const pieces = seen.map((piece) => piece.trim()).filter((piece) => piece.length > 5);
  expect(pieces.length).toBeGreaterThan(50);
  expect(pieces.filter((piece) => !sources.includes(piece))).toEqual([]);
});
