import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
/** `file` › title, as SECURITY.md names the test that shows something. */
const named = [
  ...readFileSync(join(root, 'SECURITY.md'), 'utf8').matchAll(/`(test\/\S+\.ts)`(?: › (.+?) \|$)?/gm),
].map(([, file = '', title = '']) => ({ file, title }));

it('SECURITY.md names tests', () => {
  expect(named.length).toBeGreaterThan(20);
});

it.each(named)('$file has the test that SECURITY.md names: $title', ({ file, title }) => {
  expect(existsSync(join(root, file))).toBe(true);
  expect(readFileSync(join(root, file), 'utf8')).toContain(title);
});
