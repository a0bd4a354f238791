import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Plugin } from '@oclif/core';

/** Writes down what oclif tells in its help, so that help loads no command. */
const root = join(import.meta.dirname, '../..');
const plugin = new Plugin({
  name: 'canonical-livepatch',
  root,
  ignoreManifest: true,
  errorOnManifestCreate: true,
});
await plugin.load();
writeFileSync(join(root, 'dist/oclif.manifest.json'), JSON.stringify(plugin.manifest));
