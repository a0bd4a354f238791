import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { pathsFrom } from '../../src/store/paths.ts';
import { openStore } from '../../src/store/store.ts';
import { temporaryDirectory } from '../temporary.ts';

const OURS = { SNAP: '/snap/x', SNAP_NAME: 'canonical-livepatch', SNAP_COMMON: '/c', SNAP_DATA: '/d' };

it('takes the places that snapd gives our snap', () => {
  const { common, data, keys, machineToken, state } = pathsFrom(OURS);
  expect({ common, data, keys, machineToken, state }).toEqual({
    ...{ common: '/c', data: '/d', keys: '/snap/x/keys' },
    ...{ machineToken: '/c/machine-token', state: '/d/state.json' },
  });
});

it.each([
  ['no snap', {}],
  ['the shell of another snap', { ...OURS, SNAP_NAME: 'code' }],
  ['a snap without a name', { ...OURS, SNAP_NAME: undefined }],
  ['a relative place', { ...OURS, SNAP_COMMON: 'c' }],
])('keeps all in /var/lib in %s', (_what, env) => {
  const { common, data } = pathsFrom(env);
  expect({ common, data }).toEqual({
    common: '/var/lib/canonical-livepatch/common',
    data: '/var/lib/canonical-livepatch/data',
  });
});

it('keeps all elsewhere for a development build, where that is asked for by an absolute path', () => {
  expect(pathsFrom({ LIVEPATCH_ROOT: '/tmp/x' })).toMatchObject({
    common: '/tmp/x/common',
    data: '/tmp/x/data',
    keys: '/tmp/x/keys',
    ca: '/tmp/x/ca',
  });
  expect(pathsFrom({ LIVEPATCH_ROOT: 'x' }).common).toBe('/var/lib/canonical-livepatch/common');
  expect(pathsFrom({ ...OURS, LIVEPATCH_ROOT: '/tmp/x' }).common).toBe('/c');
});

it.each([{}, OURS])('names the mode of every directory that it puts something into', (env) => {
  const { directories, ...paths } = pathsFrom(env);
  const { common, data, keys: _, ca: __, catalogueRoot: ___, ...files } = paths;
  const known = directories.map(({ path }) => path);
  const parents = Object.values(files).map((path) => join(path as string, '..'));
  expect(
    [common, data, paths.patches, paths.locks, ...parents].filter((path) => !known.includes(path)),
  ).toEqual([]);
});

it('makes each with its mode, whatever the umask and whoever made them before', () => {
  const root = temporaryDirectory();
  const env = { ...OURS, SNAP_COMMON: join(root, 'common'), SNAP_DATA: join(root, 'data') };
  mkdirSync(join(root, 'common'), { mode: 0o700 });
  const before = process.umask(0o077);
  try {
    openStore(env)
      .runLock('test', () => {})
      [Symbol.dispose]();
  } finally {
    process.umask(before);
  }
  const modes = ['common', 'data', 'common/patches', 'common/locks', 'common/logs', 'data/history'].map(
    (name) => (statSync(join(root, name)).mode & 0o777).toString(8),
  );
  expect(modes).toEqual(['755', '755', '700', '700', '700', '700']);
});
