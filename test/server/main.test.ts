import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import got from 'got';
import { beforeEach, expect, it, vi } from 'vitest';
import { temporaryDirectory } from '../temporary.ts';
import { KERNEL, MACHINE_ID, patchFileOf } from './scene.ts';

// Each starts several programs.
vi.setConfig({ testTimeout: 30_000 });

let directory: string;
let data: string;
beforeEach(() => {
  directory = temporaryDirectory();
  data = join(directory, 'data');
});

const main = join(import.meta.dirname, 'main.ts');
const run = (...args: string[]) =>
  execa(process.execPath, [main, '--data', data, ...args], { reject: false, timeout: 20_000 });

it('serves what an operator adds, while it runs', async () => {
  await using server = await serve();

  const token = (await run('token', 'add', '--tier', 'beta')).stdout;
  const registered = await server.client
    .post(`v1/client/${MACHINE_ID}`, {
      headers: { authorization: `Bearer ${token}` },
      json: { schema: 2, clientVersion: '0.1.0', architecture: 'amd64', kernel: KERNEL },
    })
    .json();
  expect(registered).toMatchObject({ machineToken: expect.stringMatching(/^[0-9a-f]{32}$/) });

  const support = () =>
    server.client(`v1/api/kernels/supported?kernel-version=${KERNEL}&architecture=amd64`).json();
  expect(await support()).toEqual({ Supported: 'unsupported' });
  await run('kernel', 'add', KERNEL, 'amd64', '--support', 'kernel-end-of-life', '--until', '2027-03-19');
  expect(await support()).toEqual({ Supported: 'kernel-end-of-life' });
});

it('adds a patch file once, and withdraws its version', async () => {
  const path = join(directory, 'any-name.tar.gz');
  await writeFile(path, await patchFileOf('121.1'));

  const added = await run('patch', 'add', path);
  const again = await run('patch', 'add', path);
  const withdrawn = await run('patch', 'withdraw', '121.1');

  const file = `livepatch-${KERNEL}-121.1-amd64.tar.gz`;
  expect(added.stdout).toContain(file);
  expect(await readFile(join(data, 'patches', file))).toEqual(await readFile(path));
  expect(again).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('file already exists') });
  expect(withdrawn.stdout).toBe('1 patches withdrawn');
});

it.each([
  ['token', 'add', '--tier', 'reckless'],
  ['token', 'add', '--machines', 'many'],
  ['kernel', 'add', '../../etc', 'amd64'],
  ['kernel', 'add', KERNEL],
  ['patch', 'withdraw'],
  ['patch', 'remove'],
  ['patch', 'add', 'x', '--phase', '101'],
  ['key', 'revoke', 'all'],
])('refuses %s %s %s %s', async (...args) => {
  const result = await run(...args);

  expect(result.exitCode).toBe(1);
  expect(result.stderr).not.toBe('');
});

it('shows its usage when it is not told where its data is', async () => {
  const result = await execa(process.execPath, [main], { reject: false });

  expect(result).toMatchObject({ exitCode: 2, stdout: expect.stringContaining('--data DIR') });
  expect(existsSync(data)).toBe(false);
});

/** A running server, and a client that trusts the CA it names. */
async function serve() {
  const child = execa(process.execPath, [main, '--data', data, '--port', '0'], { timeout: 60_000 });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const lastWord = async () =>
    String((await lines.next()).value)
      .split(' ')
      .at(-1) ?? '';
  const url = await lastWord();
  const ca = await lastWord();
  const client = got.extend({ prefixUrl: url, https: { certificateAuthority: await readFile(ca, 'utf8') } });
  return {
    client,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await child;
    },
  };
}
