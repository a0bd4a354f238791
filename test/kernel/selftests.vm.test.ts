import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readModule } from '../../src/patch/module.ts';
import { draft } from '../../src/publish/draft.ts';
import type { Metadata } from '../../src/types.ts';
import { selftestModules } from '../kernels/selftests.ts';
import { packPatch, signModule } from '../patches/build.ts';
import { bootWithState, outputOf } from './guest.ts';
import { client, type Site, startSite, succeed } from './site.ts';
import type { Vm } from './vm.ts';

/**
 * The modules of the kernel's own tests of live patching, as patches that somebody else built: stacks, callbacks,
 * states of the system. Each test begins with the kernel as the one before left it.
 */

let site: Site;
let vm: Vm;
let modules: Map<string, string>;

beforeAll(async () => {
  site = await startSite();
  modules = await selftestModules(site.kernel);
  await boot();
  await site.introduce(vm);
  await succeed(vm, 'config log-level=notice');
});
afterAll(async () => {
  await vm?.kill();
  await site?.end();
});

async function boot(): Promise<void> {
  await vm?.powerOff();
  vm = await bootWithState({ kernel: site.kernel, disk: join(site.directory, 'disk.img') });
}

const output = (script: string) => outputOf(vm, script);

const unsigned = (name: string) => readFile(modules.get(name) as string);

/** Signs and packs one of the modules; gives the path of the patch file in the guest. */
async function patchFile(name: string, version: string, cumulative: boolean): Promise<string> {
  const content = await unsigned(name);
  const label = { version, kernel: undefined, cumulative, releasedAt: '2026-01-01T00:00:00Z', fixes: [] };
  return pack(draft(content, label).metadata, content);
}

async function pack(metadata: Metadata, content: Buffer): Promise<string> {
  const module = await signModule(content, site.kernel, site.signer);
  const path = join(site.directory, `${metadata.module}-${metadata.version}.tar.gz`);
  await writeFile(path, await packPatch(metadata, module, site.kernel, site.signer));
  return `/host${path}`;
}

/** A module that is no patch, as root inserts it. */
const insmod = (name: string, parameters = '') =>
  vm.run(`insmod /host${modules.get(name) as string} ${parameters}`);

const apply = async (name: string, version: string, { cumulative = false } = {}) =>
  client(vm, `apply ${await patchFile(name, version, cumulative)}`);
const applied = (version: string) => ({ exitCode: 0, stdout: `applied: patch ${version}\n` });
const livePatches = () => output('ls /sys/kernel/livepatch');
const nothingLoaded = async () =>
  expect(await output('ls /sys/kernel/livepatch; grep "^test_klp" /proc/modules || true')).toBe('');

describe('patches that replace nothing', () => {
  it('are stacked', async () => {
    expect(await apply('test_klp_livepatch', '1.1')).toMatchObject(applied('1.1'));
    expect(await apply('test_klp_atomic_replace', '2.1')).toMatchObject(applied('2.1'));
    expect(await livePatches()).toBe('test_klp_atomic_replace\ntest_klp_livepatch');
    expect(await output('cat /proc/cmdline /proc/meminfo')).toBe(
      'test_klp_livepatch: this has been live patched\ntest_klp_atomic_replace: this has been live patched',
    );
  });

  it('are stacked again after a reboot', async () => {
    await boot();
    expect(await client(vm, 'refresh --boot')).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining('applied: patch 1.1, patch 2.1'),
    });
    expect(await livePatches()).toBe('test_klp_atomic_replace\ntest_klp_livepatch');
  });

  it('are taken out, the newest first', async () => {
    expect(await succeed(vm, 'revert')).toMatchObject({ stdout: 'reverted: patch 2.1, patch 1.1\n' });
    await nothingLoaded();
  });
});

it('refuses a module that is no live patch, however well it is signed', async () => {
  const content = await unsigned('test_klp_shadow_vars');
  const { architecture, name, vermagic } = readModule(content);
  const { metadata } = draft(await unsigned('test_klp_livepatch'), {
    ...{ version: '9.1', kernel: undefined, cumulative: true, releasedAt: '2026-01-01T00:00:00Z', fixes: [] },
  });
  const labelled = { ...metadata, module: name, architecture, vermagic };
  expect(await client(vm, `apply ${await pack(labelled, content)}`)).toMatchObject({
    exitCode: 65,
    stdout: '',
    stderr: expect.stringContaining('the module is not marked as a live patch'),
  });
  await nothingLoaded();
});

describe('patches with states of the system', () => {
  it('go over from one to the next', async () => {
    expect(await apply('test_klp_state', '3.1', { cumulative: true })).toMatchObject(applied('3.1'));
    expect(await apply('test_klp_state2', '4.1', { cumulative: true })).toMatchObject(applied('4.1'));
    expect(await output('ls /sys/kernel/livepatch; grep -o "^test_klp[^ ]*" /proc/modules')).toBe(
      'test_klp_state2\ntest_klp_state2',
    );
  });

  it('are refused when they are not compatible, with the reason of the kernel, and what is there stays', async () => {
    expect(await apply('test_klp_state', '5.1', { cumulative: true })).toMatchObject({
      exitCode: 71,
      stdout: '',
      stderr: expect.stringContaining(
        'Livepatch patch (test_klp_state) is not compatible with the already installed livepatches',
      ),
    });
    expect(await output('ls /sys/kernel/livepatch; grep -o "^test_klp[^ ]*" /proc/modules')).toBe(
      'test_klp_state2\ntest_klp_state2',
    );
    expect(await output('ls /var/lib/canonical-livepatch/common/locks')).toBe('');
  });

  it('are taken when they are compatible', async () => {
    expect(await apply('test_klp_state3', '6.1', { cumulative: true })).toMatchObject(applied('6.1'));
    expect(await succeed(vm, 'revert')).toMatchObject({ stdout: 'reverted: patch 6.1\n' });
    await nothingLoaded();
  });
});

describe('a patch of a module', () => {
  it('is in use when that is loaded later, and when it is unloaded again', async () => {
    expect(await apply('test_klp_callbacks_demo', '7.1')).toMatchObject(applied('7.1'));
    expect(await insmod('test_klp_callbacks_mod')).toMatchObject({ exitCode: 0 });
    expect(await output('dmesg')).toContain(
      'pre_patch_callback: test_klp_callbacks_mod -> [MODULE_STATE_COMING]',
    );
    await output('rmmod test_klp_callbacks_mod');
    expect(await livePatches()).toBe('test_klp_callbacks_demo');
  });

  it('that refuses it is told by doctor', async () => {
    await output('echo -19 >/sys/module/test_klp_callbacks_demo/parameters/pre_patch_ret');
    expect(await insmod('test_klp_callbacks_mod')).toMatchObject({ exitCode: 1 });
    expect((await client(vm, 'doctor')).stdout).toContain(
      'refused to load test_klp_callbacks_mod: test_klp_callbacks_demo cannot patch it',
    );
    await output('echo 0 >/sys/module/test_klp_callbacks_demo/parameters/pre_patch_ret');
    expect(await succeed(vm, 'revert')).toMatchObject({ stdout: 'reverted: patch 7.1\n' });
    await nothingLoaded();
  });

  it('that is busy stalls the transition, is named, and the kernel is as it was', async () => {
    expect(await insmod('test_klp_callbacks_busy', 'block_transition=Y')).toMatchObject({ exitCode: 0 });
    const refused = await apply('test_klp_callbacks_demo', '7.1');
    expect(refused).toMatchObject({ exitCode: 71, stdout: '' });
    expect(refused.stderr).toMatch(/held up by kworker\S*, process \d+, in .*busymod_work_func/);
    expect(await livePatches()).toBe('');
    await output('rmmod test_klp_callbacks_busy');
    await nothingLoaded();

    expect(await apply('test_klp_callbacks_demo', '7.1')).toMatchObject(applied('7.1'));
  }, 240_000);
});
