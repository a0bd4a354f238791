import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Plugin } from '@oclif/core';
import type { PJSON } from '@oclif/core/interfaces';
import packageJson from '../../package.json' with { type: 'json' };
import { PACKAGE } from '../../src/publish/package.ts';

/** Writes down what oclif tells in the help of each program, so that help loads no command. */
const root = join(import.meta.dirname, '../..');
await write(packageJson as unknown as PJSON, 'dist/oclif.manifest.json');
await write(PACKAGE as unknown as PJSON, 'dist/publish/oclif.manifest.json');

async function write(pjson: PJSON, file: string): Promise<void> {
  const plugin = new Plugin({
    isRoot: true,
    name: pjson.name,
    root,
    pjson,
    ignoreManifest: true,
    errorOnManifestCreate: true,
  });
  await plugin.load();
  writeFileSync(join(root, file), JSON.stringify(plugin.manifest));
}
