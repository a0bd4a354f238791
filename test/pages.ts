import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The pages of the manual and of the project, as text with parts that can be held to the code. */
export const ROOT = join(import.meta.dirname, '..');

/** Every page that people read, but those that are about one directory of the tests or of the snap's build. */
export const PAGES = [
  'README.md',
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'PROTOCOL.md',
  'test/README.md',
  'test/patch/README.md',
  'snap/local/README.md',
  ...globSync('docs/*.md', { cwd: ROOT }),
].sort();

export const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** Relative links, as paths in the repository, with what follows the `#`. */
export function linksOf(page: string): { path: string; anchor: string | undefined }[] {
  const targets = [...withoutBlocks(read(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(
    ([, target = '']) => target,
  );
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = '', anchor] = target.split('#');
      return { path: path === '' ? page : join(dirname(page), path), anchor };
    });
}

/** The anchors of a page's headings, as code hosts make them. */
export function anchorsOf(page: string): string[] {
  const headings = [...withoutBlocks(read(page)).matchAll(/^#+ (.+)$/gm)].map(([, text = '']) => text);
  return headings.map((text) =>
    text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** What is in code: whole lines of shell blocks, and what stands between backquotes. */
export function commandLines(page: string): string[] {
  const text = read(page);
  const blocks = [...text.matchAll(/^ *```sh[^\n]*\n(.*?)^ *```$/gms)].flatMap(([, block = '']) =>
    block.replaceAll(/\\\n\s*/g, ' ').split('\n'),
  );
  const inline = [...withoutBlocks(text).matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
  return [...blocks, ...inline].map((line) => line.trim()).filter((line) => line !== '');
}

/** The code between backquotes in a page's prose and tables. */
export function codeIn(text: string): string[] {
  return [...withoutBlocks(text).matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
}

/** The cells of every row of every table in a text, without the heads. */
export function rowsIn(text: string): string[][] {
  const tables = text.match(/(?:^\|.*\n)+/gm) ?? [];
  return tables.flatMap((table) =>
    table
      .trim()
      .split('\n')
      .slice(2)
      .map((row) => cellsOf(row)),
  );
}

function cellsOf(row: string): string[] {
  return row
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());
}

/** A section with those below it. */
export function section(page: string, heading: string): string {
  const [, marks = ''] = new RegExp(`^(#+) ${heading}$`, 'm').exec(page) ?? [];
  const [, ...rest] = `\n${page}`.split(`\n${marks} ${heading}\n`);
  return rest.join().split(new RegExp(`^#{1,${marks.length}} `, 'm'))[0] ?? '';
}

export function withoutBlocks(text: string): string {
  return text.replaceAll(/^ *```.*?^ *```$/gms, '');
}
