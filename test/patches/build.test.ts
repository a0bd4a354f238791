import { gunzipSync } from 'node:zlib';
import { unpackTar } from 'modern-tar';
import { expect, test } from 'vitest';
import type { Metadata } from '../../src/types.ts';
import { moduleName, packPatch, patchFileName } from './build.ts';

const metadata: Metadata = {
  kernel: '6.1.0-56-amd64',
  architecture: 'amd64',
  version: '121.4',
  module: 'lkp_Debian_6_1_0_56_amd64_121',
  file: 'lkp_Debian_6_1_0_56_amd64_121.ko',
  releasedAt: '2026-01-01T00:00:00Z',
  fixes: [],
};

test('a module is named after its kernel and the major version', () => {
  expect(moduleName('6.1.0-56-amd64', '121.4')).toBe('lkp_Debian_6_1_0_56_amd64_121');
});

test('a patch file is named after its kernel, version and architecture', () => {
  expect(patchFileName(metadata)).toBe('livepatch-6.1.0-56-amd64-121.4-amd64.tar.gz');
});

test('a patch file holds one directory with the metadata and the module', async () => {
  const module = Buffer.from('not really a module');

  const entries = await unpackTar(gunzipSync(await packPatch(metadata, module)));

  const directory = 'livepatch-6.1.0-56-amd64-121.4-amd64';
  expect(entries.map((entry) => entry.header.name)).toEqual([
    `${directory}/`,
    `${directory}/metadata.json`,
    `${directory}/${metadata.file}`,
  ]);
  expect(JSON.parse(Buffer.from(entries[1]?.data ?? []).toString())).toEqual({ schema: 1, ...metadata });
  expect(Buffer.from(entries[2]?.data ?? [])).toEqual(module);
});
