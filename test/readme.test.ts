import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { COMMANDS } from '../src/commands/index.ts';

/** What README promises to a stranger: short, and every command in its table. */
const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');

it('README is read in some minutes', () => {
  expect(readme.split('\n').length).toBeLessThanOrEqual(200);
});

it('README names every command, and no other', () => {
  const [, table = ''] = /^## Commands\n\n(.*?)\n\n/ms.exec(readme) ?? [];
  const words = [...table.matchAll(/^\| `([a-z-]+)/gm)].map(([, word]) => word);
  expect(words.sort()).toEqual(Object.keys(COMMANDS).sort());
});

it.each([
  'docs/decommissioning.md',
  'docs/troubleshooting.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
])('README leads to %s', (page) => {
  expect(readme).toContain(`](${page})`);
});
