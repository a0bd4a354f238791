import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BuiltPatch, buildPatch, PROC_VERSION } from '../patches/build.ts';
import { makeSigner } from '../patches/signer.ts';
import { debianKernel } from './debian-kernel.ts';
import { outputOf } from './guest.ts';
import { bootVm, type Vm } from './vm.ts';

const kernel = debianKernel();
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'livepatch-rig-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

describe('a machine', () => {
  let vm: Vm;
  let patch: BuiltPatch;

  beforeAll(async () => {
    const signer = await makeSigner(directory);
    patch = await buildPatch({ source: PROC_VERSION, version: '1.1', kernel, signer });
    vm = await bootVm({ kernel });
    // Made after the boot, so read through /host.
    await writeFile(join(directory, `${patch.metadata.module}.ko`), patch.module);
  });

  afterAll(() => vm?.powerOff());

  test('runs the kernel, and a Node of its architecture on this very checkout', async () => {
    expect(await outputOf(vm, 'uname -r')).toBe(kernel.release);
    expect(await outputOf(vm, 'node -p process.arch')).toBe(kernel.architecture.replace('amd64', 'x64'));
    // One that a guest of its own brings may be older.
    const version = await outputOf(vm, 'node -p process.version');
    if (kernel.userland === undefined) expect(version).toBe(process.version);
    expect(await outputOf(vm, 'pwd')).toBe(process.cwd());
  });

  test("finds the kernel's modules where modprobe looks for them", async () => {
    expect(await outputOf(vm, 'modprobe --show-depends ext4')).toMatch(/^(insmod|builtin) .*ext4/m);
  });

  test('may write in the checkout, and leaves it as it was', async () => {
    await outputOf(vm, 'echo written >written-by-a-guest; cat written-by-a-guest');
    expect(existsSync('written-by-a-guest')).toBe(false);
  });

  test('hands back what a script printed, and how it ended', async () => {
    const result = await vm.run('printf "a b\\n\\nc"; printf é >&2; exit 3');

    expect(result).toEqual({ stdout: 'a b\n\nc', stderr: 'é', exitCode: 3 });
  });

  test('runs scripts side by side', async () => {
    // Given a script that ends only when another has run,
    const waiting = vm.run('mkfifo /run/rig; cat /run/rig');

    // when that other one runs,
    await vm.run('while ! test -p /run/rig; do :; done; echo released >/run/rig');

    // then both have ended.
    expect((await waiting).stdout).toBe('released\n');
  });

  test('says when a script takes too long', async () => {
    await expect(vm.run('sleep 1000', { timeoutMs: 100 })).rejects.toThrow(
      'sleep 1000: did not end within 100 ms',
    );
  });

  test('reaches a server on the loopback of the host', async () => {
    const server = createServer((_, response) => response.end('from the host')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;

    const fetched = await outputOf(
      vm,
      `node --eval 'fetch("http://livepatch.test:${port}/").then((r) => r.text()).then(console.log)'`,
    );

    expect(fetched).toBe('from the host');
    server.close();
  });

  test('takes a live patch into its kernel, and lets it go again', async () => {
    const { module } = patch.metadata;
    const file = `${module}.ko`;
    const sysfs = `/sys/kernel/livepatch/${module}`;
    const before = await outputOf(vm, 'cat /proc/version');
    expect(before).toContain(`Linux version ${kernel.release} (`);

    await outputOf(vm, `insmod /host${join(directory, file)}`);
    await outputOf(vm, `while grep -q 1 ${sysfs}/transition; do sleep 0.1; done`);
    expect(await outputOf(vm, 'cat /proc/version')).toBe(
      `Linux version ${kernel.release} (live-patched, version 1)`,
    );

    await outputOf(
      vm,
      `echo 0 >${sysfs}/enabled; while test -e ${sysfs}; do sleep 0.1; done; rmmod ${module}`,
    );
    expect(await outputOf(vm, 'cat /proc/version')).toBe(before);
  });
});

test('a machine that panics says so', async () => {
  const vm = await bootVm({ kernel, network: false });

  const last = vm.run('echo c >/proc/sysrq-trigger');

  await expect(last).rejects.toThrow('Kernel panic - not syncing: sysrq triggered crash');
  expect(await vm.ended).toBe('panicked');
});

test('a disk keeps what was synced when the power is cut', async () => {
  // Given a machine with a disk, with one file on it for sure,
  const disk = join(directory, 'disk.img');
  const first = await bootVm({ kernel, network: false, disk });
  await outputOf(first, 'echo kept >/persist/file; sync /persist/file /persist');

  // when the power is cut and the machine boots again,
  await first.kill();
  expect(await first.ended).toBe('killed');
  const second = await bootVm({ kernel, network: false, disk });

  // then the file is there.
  expect(await outputOf(second, 'cat /persist/file')).toBe('kept');
  await second.powerOff();
  expect(await second.ended).toBe('powered-off');
});

/** What a script printed, without the last newline; one that fails fails the test. */
