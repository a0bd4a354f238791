import { execFileSync } from 'node:child_process';
import { cpSync, globSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../temporary.ts';

const root = join(import.meta.dirname, '../..');

describe('the code cache, as built', () => {
  it('is there for every chunk, and Node takes it', () => {
    const chunks = globSync('*.cjs', { cwd: join(root, 'dist') });
    const script = `
      const { load, chunks } = require(${JSON.stringify(join(root, 'bin/load.js'))});
      for (const name of ${JSON.stringify(chunks)}) load(name);
      const taken = [...chunks].filter(([, { script }]) => script.cachedDataRejected === false);
      console.log(JSON.stringify(taken.map(([name]) => name)));`;

    const taken = JSON.parse(execFileSync(process.execPath, ['--eval', script], { encoding: 'utf8' }));

    expect(chunks.length).toBeGreaterThan(20);
    expect(taken.toSorted()).toEqual(chunks.toSorted());
  });

  it.each([
    { what: 'is gone', change: (cache: string) => rmSync(cache) },
    { what: 'is empty', change: (cache: string) => writeFileSync(cache, '') },
    { what: "is not V8's", change: (cache: string) => writeFileSync(cache, 'x'.repeat(4096)) },
  ])('may be missing: the command runs when it $what', ({ change }) => {
    const copy = temporaryDirectory();
    for (const name of ['bin', 'dist', 'package.json']) {
      cpSync(join(root, name), join(copy, name), { recursive: true });
    }
    const caches = globSync('dist/*.cache', { cwd: copy });
    for (const cache of caches) change(join(copy, cache));

    const program = join(copy, 'bin/canonical-livepatch.js');
    const output = execFileSync(process.execPath, [program, 'kernel-upgrade-required', '--help'], {
      encoding: 'utf8',
    });

    expect(caches.map((cache) => basename(cache))).toContain('main.cjs.cache');
    expect(output).toContain('kernel-upgrade-required');
  });
});
