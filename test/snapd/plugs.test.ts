import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { PLUGS } from '../../src/snapd/plugs.ts';

it('needs the very plugs that the snap declares, but for the package database', () => {
  const file = join(import.meta.dirname, '../../snap/snapcraft.yaml');

  expect(Object.keys(parse(readFileSync(file, 'utf8')).plugs)).toEqual([...PLUGS, 'dpkg-status']);
});
