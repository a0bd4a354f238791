import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../temporary.ts';

const PROGRAM = join(import.meta.dirname, '../../snap/packaging/program');

/** A package whose client only notes how it was called, and ends with `status`. */
function installed(status: number) {
  const root = temporaryDirectory();
  const [bin, common, data] = ['bin', 'common', 'data'].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  for (const directory of [bin, common, data]) mkdirSync(directory);
  for (const name of ['service', 'decommission']) copyFileSync(join(PROGRAM, name), join(bin, name));
  const calls = join(root, 'calls');
  writeFileSync(join(bin, 'client'), `#!/bin/sh\necho "$*" >>${calls}\nexit ${status}\n`);
  chmodSync(join(bin, 'client'), 0o755);
  return {
    common,
    data,
    calls: () => (existsSync(calls) ? readFileSync(calls, 'utf8').trimEnd().split('\n') : []),
    run: (name: string, ...words: string[]) =>
      spawnSync(join(bin, name), words, { env: { PATH: process.env.PATH, SNAP_COMMON: common } }).status,
  };
}

describe('the service', () => {
  it.each([0, 69])(
    'applies again when it is first started in a boot, then checks; its client ends with %i',
    (status) => {
      const { calls, run } = installed(status);
      for (let start = 0; start < 3; start += 1) expect(run('service')).toBe(0);
      expect(calls()).toEqual(['refresh --boot', 'refresh', 'refresh']);
    },
  );

  it('applies again after a reboot', () => {
    const { calls, common, run } = installed(0);
    writeFileSync(join(common, 'service-boot-id'), '3b5c0a4e-0000-4000-8000-000000000000\n');
    run('service');
    expect(calls()).toEqual(['refresh --boot']);
  });

  it('applies again, and does not fail, where it cannot note the boot', () => {
    const { calls, common, run } = installed(0);
    mkdirSync(join(common, 'service-boot-id.new'));
    expect([run('service'), run('service')]).toEqual([0, 0]);
    expect(calls()).toEqual(['refresh --boot', 'refresh --boot']);
  });

  it('does nothing when it is stopped', () => {
    const { calls, run } = installed(0);
    expect(run('service', 'stop')).toBe(0);
    expect(calls()).toEqual([]);
  });
});

describe('the end of a machine’s service', () => {
  it.each([0, 69, 137])('leaves nothing but the history, whatever the server says (%i)', (status) => {
    const { calls, common, data, run } = installed(status);
    const files = [
      'machine-token',
      'config',
      'snap-settings',
      'logs/security.log',
      'patches/0',
      '.machine-token.new',
      'a name with spaces',
    ].map((name) => join(common, name));
    const kept = join(data, 'history/events.log');
    for (const file of [...files, join(data, 'state.json'), kept]) {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, 'secret');
    }
    expect(run('decommission', common, data)).toBe(0);
    expect(calls()).toEqual(['disable']);
    expect(globSync('{common,data}/**/*', { cwd: dirname(common) })).toEqual([
      'data/history',
      'data/history/events.log',
    ]);
    expect(globSync('{common,data}/.*', { cwd: dirname(common) })).toEqual([]);
  });
});
