import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import type { Script } from 'node:vm';
import { BACK_TO_DEFAULT } from './deterministic.ts';

/**
 * Runs the command lines of its first argument, JSON, and then writes V8's code cache of every chunk of the bundle, for
 * bin/load.js. The cache of a chunk holds those functions that have run by then.
 */
interface Loader {
  load(name: string): unknown;
  chunks: Map<string, { script: Script }>;
}

const root = join(import.meta.dirname, '../..');
const { load, chunks } = createRequire(import.meta.url)('../../bin/load.js') as Loader;
const { main } = load('main.cjs') as { main(words: string[]): Promise<void> };

for (const words of JSON.parse(process.argv[2] ?? '[]') as string[][]) await main(words);
for (const file of globSync(join(root, 'dist/*.cjs'))) load(basename(file));
// V8 notes the flags in a cache, and takes it only where they are the same.
for (const flag of BACK_TO_DEFAULT) setFlagsFromString(flag);
for (const [name, { script }] of chunks) {
  const file = join(root, 'dist', name);
  writeFileSync(`${file}.cache`, Buffer.concat([script.createCachedData(), readFileSync(file)]));
}
// What became of the command lines depends on the machine that builds, and the build must not.
process.exitCode = 0;
