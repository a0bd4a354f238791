import { join } from 'node:path';
import { expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { thirdPartyLicenses } from '../../snap/packaging/licenses.ts';

it('hands on the licence of everything that is bundled', async () => {
  const text = await thirdPartyLicenses(join(import.meta.dirname, '../..'));
  const titles = [...text.matchAll(/^(\S+) \S+, licence: (.+)\n=+$/gm)];
  expect(titles.map(([, name]) => name)).toEqual(
    expect.arrayContaining([...Object.keys(manifest.dependencies), 'keyv', 'asn1js']),
  );
  expect(titles.filter(([, , license]) => license === 'not said')).toEqual([]);
  const ofYaml = text.slice(text.search(/^yaml \S+, licence: ISC$/m));
  expect(ofYaml).toMatch(/Copyright Eemeli Aro[\s\S]+Permission to use, copy, modify/);
});
