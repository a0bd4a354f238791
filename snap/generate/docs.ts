import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMMAND_CLASSES as PUBLISH_CLASSES } from '../build/publish-command-classes.ts';
import { BIN, catalogue } from './catalogue.ts';
import { commandReference, type Program } from './reference.ts';

/** `npm run docs`: writes docs/commands.md. A test fails when it is stale. */
export const PROGRAMS: Program[] = [
  { bin: BIN, about: 'Runs on each machine.', entries: catalogue() },
  {
    bin: 'livepatch-publish',
    about:
      'Makes patch files and keeps catalogues; needs no root. In a checkout, after `npm run build`: `node_modules/.bin/node bin/livepatch-publish.js`.',
    entries: catalogue(PUBLISH_CLASSES, 'livepatch-publish'),
  },
];

if (import.meta.main) {
  writeFileSync(join(import.meta.dirname, '../../docs/commands.md'), commandReference(PROGRAMS));
}
