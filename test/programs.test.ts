import { spawnSync } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { type Ending, type RunOptions, run, runSync } from '../src/programs.ts';
import { takeRunLock } from '../src/store/run-lock.ts';
import { temporaryDirectory } from './temporary.ts';

/** Where a test's programs are, as `/` outside; and a directory of the caller's, first on his PATH. */
let root: string;
let callers: string;

const program = (directory: string, name: string, script: string) => {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(directory, name), 0o755);
};

beforeEach(() => {
  root = temporaryDirectory();
  callers = temporaryDirectory();
  vi.stubEnv('PATH', `${callers}:${process.env.PATH}`);
  vi.stubEnv('HTTPS_PROXY', 'http://user:secret@proxy');
  vi.stubEnv('NODE_OPTIONS', '--max-http-header-size=20000');
  vi.stubEnv('LD_PRELOAD', '');
  return () => vi.unstubAllEnvs();
});

/** Both ways to start a program keep the same promises. */
const WAYS: [string, (name: string, args: string[], options?: Partial<RunOptions>) => Promise<Ending>][] = [
  ['run', async (name, args, options) => run(name, args, { root, timeout: 10_000, ...options })],
  ['runSync', async (name, args, options) => runSync(name, args, { root, timeout: 10_000, ...options })],
];

describe.each(WAYS)('%s', (_way, start) => {
  it('gives a program nothing of our environment', async () => {
    program(join(root, 'usr/bin'), 'show', '/usr/bin/env');
    const { stdout } = await start('show', []);
    const names = stdout.split('\n').map((line) => line.split('=')[0]);
    // PWD and _ are the shell's own.
    expect(names.filter((name) => name !== 'PWD' && name !== '_').sort()).toEqual(['', 'LC_ALL', 'PATH']);
    expect(stdout).not.toContain('secret');
    expect(stdout).not.toContain(callers);
  });

  it('gives it what it is to have, and no more', async () => {
    vi.stubEnv('SNAP_COOKIE', 'cookie');
    program(join(root, 'bin'), 'show', '/usr/bin/env');
    const { stdout } = await start('show', [], { keep: ['SNAP_COOKIE', 'SNAP_CONTEXT'] });
    expect(stdout).toContain('SNAP_COOKIE=cookie\n');
    expect(stdout).not.toMatch(/SNAP_CONTEXT|secret/);
  });

  it("never starts what is on the caller's PATH", async () => {
    program(callers, 'show', 'echo stolen');
    expect(await start('show', [])).toEqual({
      ok: false,
      status: undefined,
      stdout: '',
      stderr: 'show is not there',
    });
  });

  it('prefers what our snap brings, and takes nothing from another', async () => {
    const snap = temporaryDirectory();
    program(join(root, 'usr/sbin'), 'show', 'echo system');
    program(join(snap, 'bin'), 'show', 'echo snap');
    for (const name of ['SNAP', 'SNAP_COMMON', 'SNAP_DATA']) vi.stubEnv(name, snap);
    vi.stubEnv('SNAP_NAME', 'code');
    expect((await start('show', [])).stdout).toBe('system\n');
    vi.stubEnv('SNAP_NAME', 'canonical-livepatch');
    expect((await start('show', [])).stdout).toBe('snap\n');
  });

  it('hands over arguments as they are: there is no shell', async () => {
    program(join(root, 'bin'), 'show', 'printf "%s|" "$@"');
    const args = ['; echo x', '$(id)', '*', '', 'a \'b\' "c"'];
    expect((await start('show', args)).stdout).toBe(args.map((one) => `${one}|`).join(''));
  });

  it('tells how it ended', async () => {
    program(join(root, 'bin'), 'end', 'echo out; echo " why " >&2; exit "$1"');
    expect(await start('end', ['0'])).toEqual({ ok: true, status: 0, stdout: 'out\n', stderr: 'why' });
    expect(await start('end', ['7'])).toEqual({ ok: false, status: 7, stdout: 'out\n', stderr: 'why' });
    program(join(root, 'bin'), 'die', 'kill -9 $$');
    expect(await start('die', [])).toMatchObject({ ok: false, stderr: 'die was ended by SIGKILL' });
  });

  it('does not wait for ever', async () => {
    program(join(root, 'bin'), 'hang', "trap '' TERM; exec /bin/sleep 30");
    expect(await start('hang', [], { timeout: 200 })).toMatchObject({
      ok: false,
      status: undefined,
      stderr: 'hang did not end in time',
    });
  });

  it('does not take more than it asked for', async () => {
    program(join(root, 'bin'), 'flood', 'exec /usr/bin/yes');
    const { ok, stderr, stdout } = await start('flood', [], { outputBytes: 1000 });
    expect({ ok, stderr }).toEqual({ ok: false, stderr: 'flood printed too much' });
    // What was in the pipe when it was too much.
    expect(stdout.length).toBeLessThanOrEqual(64 * 1024);
  });

  it('does not throw at what cannot be an argument', async () => {
    program(join(root, 'bin'), 'show', 'echo shown');
    expect(await start('show', ['a\0b'])).toMatchObject({ ok: false, status: undefined, stdout: '' });
    expect(await start('sh\0w', [])).toMatchObject({ ok: false, status: undefined, stdout: '' });
  });

  it('leaves it nothing to read', async () => {
    program(join(root, 'bin'), 'read', 'exec /bin/cat');
    expect(await start('read', [])).toMatchObject({ ok: true, stdout: '' });
  });
});

it('lets a program be that does not die, and the process end', () => {
  const script = `
    const { run } = await import(${JSON.stringify(join(import.meta.dirname, '../src/programs.ts'))});
    (await import('node:child_process')).ChildProcess.prototype.kill = () => true;
    console.log((await run('sleep', ['20'], { timeout: 200 })).stderr);`;
  const begun = performance.now();
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
  });
  expect(stdout).toBe('sleep did not end in time\n');
  expect(performance.now() - begun).toBeLessThan(15_000);
}, 20_000);

it('hands over an open file as standard input', () => {
  const file = join(root, 'file');
  writeFileSync(file, 'content');
  program(join(root, 'bin'), 'read', 'exec /bin/cat');
  const fd = openSync(file, 'r');
  expect(runSync('read', [], { root, timeout: 10_000, stdin: fd }).stdout).toBe('content');
  closeSync(fd);
});

it("takes the run lock with the system's own flock", () => {
  program(callers, 'flock', `/usr/bin/env >${root}/stolen`);
  using _held = takeRunLock(join(root, 'run-lock'), 'refresh');
  expect(() => openSync(join(root, 'stolen'), 'r')).toThrow('ENOENT');
});
