import { expect, test } from 'vitest';
import type { Metadata } from '../../src/types.ts';
import { moduleName, patchFileName } from './build.ts';

const metadata: Metadata = {
  kernel: '6.1.0-56-amd64',
  architecture: 'amd64',
  version: '121.4',
  module: 'lkp_Debian_6_1_0_56_amd64_121',
  digest: 'a'.repeat(128),
  vermagic: '6.1.0-56-amd64 SMP preempt mod_unload modversions ',
  cumulative: true,
  releasedAt: '2026-01-01T00:00:00Z',
  fixes: [],
};

test('a module is named after its kernel and the major version', () => {
  expect(moduleName('6.1.0-56-amd64', '121.4')).toBe('lkp_Debian_6_1_0_56_amd64_121');
});

test('a patch file is named after its kernel, version and architecture', () => {
  expect(patchFileName(metadata)).toBe('livepatch-6.1.0-56-amd64-121.4-amd64.tar.gz');
});
