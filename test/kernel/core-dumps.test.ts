import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../temporary.ts';

const TOKEN = '0badc0de0badc0de0badc0de0badc0de';

/** Holds the token in its memory, and dies so that the kernel dumps its core. */
const DIES = `
  import { readFileSync } from 'node:fs';
  import { keepMemoryOutOfCoreFiles } from '${join(import.meta.dirname, '../../src/kernel/core-dumps.ts')}';
  keepMemoryOutOfCoreFiles();
  globalThis.token = readFileSync(0);
  process.stdout.write(readFileSync('/proc/self/coredump_filter'), () => process.abort());
`;

it('keeps a token out of a core file', () => {
  const directory = temporaryDirectory();
  const node = `ulimit -c unlimited; exec "$0" --input-type=module --eval "$1"`;
  const { signal, stdout } = spawnSync('sh', ['-c', node, process.execPath, DIES], {
    cwd: directory,
    input: TOKEN,
    encoding: 'utf8',
  });
  expect(signal).toBe('SIGABRT');
  expect(Number.parseInt(stdout, 16)).toBe(0);
  // Where core_pattern puts it here; elsewhere the filter is all there is to see.
  for (const core of readdirSync(directory)) {
    expect(readFileSync(join(directory, core)).includes(TOKEN)).toBe(false);
  }
});
