import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
/** `file` › title, as SECURITY.md names the test that shows something. */
const page = readFileSync(join(root, 'SECURITY.md'), 'utf8');
const named = [...page.matchAll(/`(test\/\S+\.ts)` › (.+?) \|$/gm)].map(([, file = '', title = '']) => ({
  file,
  title,
}));

it('SECURITY.md names a test, by its title, for everything that an attacker could do', () => {
  const attacks = page
    .split(/^\| the attacker .*\n\|---.*\n/m)
    .slice(1)
    .flatMap((text) => text.split('\n\n')[0]?.trim().split('\n'));
  expect(attacks.length).toBeGreaterThan(20);
  expect(named).toHaveLength(attacks.length);
});

it.each(named)('$file has the test that SECURITY.md names: $title', ({ file, title }) => {
  expect(existsSync(join(root, file))).toBe(true);
  expect(readFileSync(join(root, file), 'utf8')).toContain(title);
});
