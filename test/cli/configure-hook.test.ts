import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { openStore } from '../../src/store/store.ts';
import { temporaryDirectory } from '../temporary.ts';

/** The real configure hook, with the built command, on a machine whose snapd is a file of settings. */

const HOOK = join(import.meta.dirname, '../../snap/hooks/configure');
const BIN = join(import.meta.dirname, '../../bin/canonical-livepatch.js');

let snap: string;
let common: string;
let environment: Record<string, string>;
beforeEach(() => {
  snap = temporaryDirectory();
  common = join(snap, 'common');
  for (const name of ['bin', 'common', 'data']) mkdirSync(join(snap, name));
  environment = {
    PATH: process.env.PATH ?? '',
    SNAP: snap,
    SNAP_NAME: 'canonical-livepatch',
    SNAP_COMMON: common,
    SNAP_DATA: join(snap, 'data'),
    SNAPD_SETTINGS: join(snap, 'settings'),
  };
  client(`exec ${process.execPath} --require ${join(import.meta.dirname, 'snapd.cjs')} ${BIN} "$@"`);
  writeFileSync(join(snap, 'settings'), '{}');
});

function client(script: string): void {
  writeFileSync(join(snap, 'bin/client'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(snap, 'bin/client'), 0o755);
}

const settings = () => JSON.parse(readFileSync(join(snap, 'settings'), 'utf8'));

/** Runs the hook as snapd does: after `snap set` with these values, or, without, after a refresh or a revert. */
function hook(revision: string, values: object = {}) {
  writeFileSync(join(snap, 'settings'), JSON.stringify({ ...settings(), ...values }));
  const env = { ...environment, SNAP_REVISION: revision };
  const { status, stdout, stderr } = spawnSync('/bin/sh', [HOOK], { env, encoding: 'utf8' });
  return { status, stdout, stderr };
}
const WELL = { status: 0, stdout: '', stderr: '' };

describe('the configure hook', () => {
  it('shows every key after an installation, and takes over what is set', () => {
    expect(hook('x1')).toEqual(WELL);
    expect(settings()).toMatchObject({ 'check-interval': '60', 'remote-server': expect.any(String) });
    expect(hook('x1', { 'dial-timeout': '20s', 'check-interval': 90 })).toEqual(WELL);
    expect(readFileSync(join(common, 'config'), 'utf8')).toBe('dial-timeout: 20s\ncheck-interval: 90\n');
  });

  it('fails when a key is refused that snap set has changed', () => {
    hook('x1');
    expect(hook('x1', { 'check-interval': 5, 'dial-timeout': '20s' })).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('config update aborted: check-interval: '),
    });
    expect(openStore(environment).config.texts()['dial-timeout']).toBe('12s');
  });

  it.each([
    ['a key of a newer revision', 'newer-key: 1\n'],
    ['a bad value', 'patch-delay: soon\n'],
    ['a bad value that nothing stands in for', 'remote-server: nowhere\n'],
    ['a line that is none', '- x\n'],
  ])('warns of %s in the file, and ends well: when others are set, and after a revert', (_what, line) => {
    hook('x1');
    writeFileSync(join(common, 'config'), line);
    for (const ended of [hook('x1', { 'log-level': 'info' }), hook('x2')]) {
      expect(ended).toMatchObject({
        status: 0,
        stdout: '',
        stderr: expect.stringContaining('config, line 1: '),
      });
    }
    expect(readFileSync(join(common, 'config'), 'utf8')).toBe(`${line}log-level: info\n`);
  });

  it('warns of a value that a newer revision took, and ends well, when the snap is reverted', () => {
    hook('x1');
    hook('x2');
    expect(hook('x1', { 'check-interval': 5 })).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('check-interval: '),
    });
    // From then on snap set is told again.
    expect(hook('x1', { 'check-interval': 6 }).status).toBe(1);
  });

  it.each([
    ['after a refresh', 'x2', 0],
    ['after snap set', 'x1', 1],
  ])('waits for another run, and gives up %s (%s) with %i', (_when, revision, status) => {
    hook('x1');
    using _lock = openStore(environment).runLock('test', () => {});
    expect(hook(revision, { 'log-level': 'info' })).toMatchObject({
      status,
      stderr: expect.stringContaining('another'),
    });
  });

  it.each([
    [0, 0],
    [1, 0],
    [69, 0],
    [74, 0],
    [75, 1],
    [77, 0],
    [78, 1],
    [137, 0],
  ])(
    'after a client that ends with %i ends with %i: little is worth undoing a refresh of the snap',
    (from, to) => {
      client(`exit ${from}`);
      expect(hook('x1').status).toBe(to);
    },
  );
});
