import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { installedKernels } from '../../src/kernel/installed.ts';
import { temporaryDirectory } from '../temporary.ts';

it('lists the kernels that are installed, and not what one left behind', () => {
  const root = temporaryDirectory();
  for (const path of ['6.1.0-56-amd64/modules.order', '6.1.0-55-amd64/modules.order', 'old/modules.dep']) {
    mkdirSync(join(root, 'lib/modules', path, '..'), { recursive: true });
    writeFileSync(join(root, 'lib/modules', path), '');
  }
  expect(installedKernels(root)).toEqual(['6.1.0-55-amd64', '6.1.0-56-amd64']);
});

it('lists none where there are none', () => {
  expect(installedKernels(temporaryDirectory())).toEqual([]);
});
