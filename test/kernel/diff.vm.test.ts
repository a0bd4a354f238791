import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { klpModules, versionDiff } from '../kernels/klp.ts';
import { kpatchModules } from '../kernels/kpatch.ts';
import { read } from '../pages.ts';
import { diffOf } from '../patches/diff.ts';
import { debianKernel, type KernelTree } from './debian-kernel.ts';
import { bootWithState, outputOf } from './guest.ts';
import { type Site, startSite, succeed } from './site.ts';
import type { Vm } from './vm.ts';

/** Patches that the field's tools made of a diff of the source, with the commands of docs/patch-file.md. */

/** Two patches of one function, the second newer, and what it takes to see them. */
interface Made {
  patches: string[];
  /** A module that is patched; undefined where that is the kernel's own code. */
  target: string | undefined;
  /** What shows the function's text. */
  shows: string;
}

const GREETING = join(import.meta.dirname, '../patches/greeting.c');
const now = (version: number) => `patched from a diff, version ${version}`;

const TOOLS: Record<string, (kernel: KernelTree, directory: string) => Promise<Made>> = {
  async 'debian-12'(kernel, directory) {
    const diff = (version: number) => diffOf(GREETING, 'greeting.c', 'not patched', now(version));
    const diffs = { 'livepatch-fix-1': await diff(1), 'livepatch-fix-2': await diff(2) };
    const modules = await kpatchModules(kernel, { source: GREETING, diffs, directory });
    return { ...modules, shows: '/proc/greeting' };
  },
  async 'minimal-amd64'(kernel, directory) {
    const diffs = {
      'livepatch-fix-1': await versionDiff(kernel.build, now(1)),
      'livepatch-fix-2': await versionDiff(kernel.build, now(2)),
    };
    const patches = await klpModules(kernel, { flavour: kernel.name, diffs, directory });
    return { patches, target: undefined, shows: '/proc/version' };
  },
};

const kernel = debianKernel();
const tool = TOOLS[kernel.name];

describe.skipIf(tool === undefined)('a patch made from a diff of the source', () => {
  let site: Site;
  let vm: Vm;
  let made: Made;
  let before: string;

  beforeAll(async () => {
    site = await startSite();
    made = await (tool as NonNullable<typeof tool>)(kernel, site.directory);
    await copyFile(site.signer.certFile, join(site.directory, 'cert.pem'));
    await copyFile(site.signer.keyFile, join(site.directory, 'key.pem'));
    await boot();
    await succeed(vm, 'config log-level=notice');
  });
  afterAll(async () => {
    await vm?.kill();
    await site?.end();
  });

  async function boot(): Promise<void> {
    await vm?.powerOff();
    vm = await bootWithState({ kernel, disk: join(site.directory, 'disk.img') });
  }
  const output = (script: string) => outputOf(vm, script);
  const insertTarget = async () => {
    if (made.target !== undefined) await output(`insmod /host${made.target}`);
  };
  const shown = () => output(`cat ${made.shows}`);

  /** What the page says to do with the module of a version, by somebody whose files are in /persist. */
  async function follow(version: number): Promise<string> {
    await output(`cp /host${made.patches[version - 1]} /host${site.directory}/*.pem /persist`);
    const [, block = ''] = /^```sh from-a-diff\n(.*?)^```$/ms.exec(read('docs/patch-file.md')) ?? [];
    const commands = block.replaceAll('fix-1.ko', `fix-${version}.ko`).replaceAll('1.1', `${version}.1`);
    return output(`set -eu
      for name in canonical-livepatch livepatch-publish; do ln -sf $PWD/bin/$name.js /usr/bin/$name; done
      sudo() { "$@"; }
      cd /persist
      ${commands}`);
  }

  it('is packed and applied', async () => {
    await insertTarget();
    before = await shown();
    expect(await follow(1)).toMatch(/^applied: patch 1\.1$/m);
    expect(await shown()).toBe(now(1));
  });

  it('is replaced by the next', async () => {
    expect(await follow(2)).toMatch(/^applied: patch 2\.1$/m);
    expect(await shown()).toBe(now(2));
    expect(await output('ls /sys/kernel/livepatch; grep -o "^livepatch_fix[^ ]*" /proc/modules')).toBe(
      'livepatch_fix_2\nlivepatch_fix_2',
    );
  });

  it('is applied again after a reboot, before what it patches is there', async () => {
    await boot();
    const { stderr } = await succeed(vm, 'refresh --boot');
    expect(stderr).toContain('applied: patch 2.1\n');
    await insertTarget();
    expect(await shown()).toBe(now(2));
  });

  it('is reverted', async () => {
    expect(await succeed(vm, 'revert')).toMatchObject({ stdout: 'reverted: patch 2.1\n' });
    expect(await shown()).toBe(before);
    expect(await output('ls /sys/kernel/livepatch; grep -c "^livepatch_fix" /proc/modules || true')).toBe(
      '0',
    );
  });
});
