import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../temporary.ts';

const CHECKOUT = join(import.meta.dirname, '../../..');
const FILES = [
  'bin/load.js',
  'bin/package.json',
  'snap/build/deterministic.ts',
  'snap/build/fill-code-cache.ts',
];
const SOURCE = "exports.main = async () => process.stdout.write('old');";

/** A bundle of one chunk with its cache, as the build makes it. */
function build(): { chunk: string; run(): { printed: string; rejected: string } } {
  const root = temporaryDirectory();
  for (const file of FILES) cpSync(join(CHECKOUT, file), join(root, file));
  mkdirSync(join(root, 'dist'));
  const chunk = join(root, 'dist/main.cjs');
  writeFileSync(chunk, SOURCE);
  execFileSync(process.execPath, [join(root, 'snap/build/fill-code-cache.ts'), '[["status"]]']);
  const program = `const { load, chunks } = require(${JSON.stringify(join(root, 'bin/load.js'))});
    const { main } = load('main.cjs');
    main().then(() => process.stderr.write(String(chunks.get('main.cjs').script.cachedDataRejected)));`;
  return {
    chunk,
    run() {
      const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
      return { printed: stdout, rejected: stderr };
    },
  };
}

// Several starts of Node, on a machine that may be busy.
describe('the code cache', { timeout: 60_000 }, () => {
  it('is taken for the source that it was made of', () => {
    expect(build().run()).toEqual({ printed: 'old', rejected: 'false' });
  });

  it.each([
    ['of the same length', SOURCE.replace('old', 'new')],
    ['of another length', SOURCE.replace('old', 'is new')],
    ['longer than cache and source', SOURCE.replace('old', 'new').padEnd(100_000)],
  ])('is passed over for another source %s', (_, source) => {
    const { chunk, run } = build();
    writeFileSync(chunk, source);
    expect(run().printed).toMatch(/new$/);
    expect(run().rejected).toBe('undefined');
  });

  it.each([
    ['missing', (path: string) => rmSync(path)],
    ['cut short', (path: string) => writeFileSync(path, readFileSync(path).subarray(8))],
    ['empty', (path: string) => writeFileSync(path, '')],
  ])('costs nothing but time when it is %s', (_, damage) => {
    const { chunk, run } = build();
    damage(`${chunk}.cache`);
    expect(run().printed).toBe('old');
  });
});
