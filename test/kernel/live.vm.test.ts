import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'rolldown';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readModule } from '../../src/patch/module.ts';
import { splitSignedModule } from '../../src/patch/trailer.ts';
import { compileModule, moduleName, PROC_LOADAVG, signModule } from '../patches/build.ts';
import { CONTRACT, STACK_CONTRACT } from './contract.ts';
import { binutil, runForKernel } from './debian-kernel.ts';
import { outputOf } from './guest.ts';
import { client, type Site, startSite, succeed } from './site.ts';
import { bootVm, type Vm } from './vm.ts';

/** What a running machine can hold against a patch: sleepers, other people's patches, the kill switch. One boot. */

const SOURCES = join(import.meta.dirname, '../patches');
const SLEEPER_PATCH = join(SOURCES, 'sleeper_patch.c');
/** The time a transition is given, and what the client's own steps take in an emulated machine. */
const STALL_TIME = { timeoutMs: 150_000 };

let site: Site;
let vm: Vm;

beforeAll(async () => {
  site = await startSite();
  vm = await bootVm({ kernel: site.kernel });
  for (const [name, source] of [
    ['sleeper', 'sleeper.c'],
    ['kpatch_sleeper', 'sleeper_patch.c'],
  ] as const) {
    const module = await compileModule({ source: join(SOURCES, source), name, kernel: site.kernel });
    await writeFile(join(site.directory, `${name}.ko`), module);
  }
  await output(`insmod /host${site.directory}/sleeper.ko`);
});
afterAll(async () => {
  await vm?.kill();
  await site?.end();
});

const FOREIGN = '/sys/kernel/livepatch/kpatch_sleeper';
const name = (version: string) => moduleName(site.kernel.release, version);

/** A signed module, as the contract takes it. */
async function moduleFile(version: string) {
  const { metadata, module } = await site.build(version);
  return given(metadata.module, module);
}

/** One that is stacked on others and has no build id, as some linkers leave it. */
async function stackedModuleFile(version: string) {
  const order = { source: PROC_LOADAVG, name: name(version), kernel: site.kernel, defines: { VERSION: '1' } };
  const file = join(site.directory, 'stacked.ko');
  await writeFile(file, await compileModule(order));
  const words = ['--remove-section', '.note.gnu.build-id', file];
  await runForKernel(site.kernel, [binutil('objcopy', site.kernel), ...words]);
  return given(order.name, await signModule(await readFile(file), site.kernel, site.signer));
}

async function given(name: string, module: Uint8Array) {
  const { buildId } = readModule(splitSignedModule(module).content);
  await writeFile(join(site.directory, `${name}.ko`), module);
  return { name, file: `/host${join(site.directory, `${name}.ko`)}`, buildId };
}

/** As JavaScript: a guest's own Node may be built without what takes TypeScript. */
async function bundledContract(): Promise<string> {
  const file = join(site.directory, 'contract.mjs');
  const input = join(import.meta.dirname, 'guest/contract.ts');
  await build({ input, platform: 'node', output: { file, codeSplitting: false }, logLevel: 'silent' });
  return file;
}

const output = (script: string) => outputOf(vm, script);

const status = async () => JSON.parse((await succeed(vm, 'status --format json')).stdout).Status[0].Livepatch;
const livePatches = () => output('ls /sys/kernel/livepatch');
const locks = () => output('ls /var/lib/canonical-livepatch/common/locks');

/** A process that sleeps in sleeper_nap() until `release`. */
async function sleeper(): Promise<{ pid: string; release: () => Promise<unknown> }> {
  const pid = await output('cat /proc/sleeper >/dev/null & echo $!');
  await output(`until grep -q sleeper_nap /proc/${pid}/stack; do sleep 0.05; done`);
  return {
    pid,
    release: () => output(`echo >/proc/sleeper; while test -e /proc/${pid}/comm; do sleep 0.05; done`),
  };
}

const becomesZero = (file: string) => output(`while grep -qs 1 ${file}; do sleep 0.05; done`);

describe('a running machine', () => {
  it('keeps the contract that the fake kernel keeps', async () => {
    const stacked = await stackedModuleFile('99.1');
    expect(stacked.buildId).toBeUndefined();
    const given = {
      older: await moduleFile('121.1'),
      newer: await moduleFile('122.1'),
      stacked,
      garbage: `/host${site.directory}/ca.pem`,
    };
    const results = JSON.parse(
      await output(`node /host${await bundledContract()} '${JSON.stringify(given)}'`),
    );
    const checks = Object.keys({ ...CONTRACT, ...STACK_CONTRACT });
    expect(results).toEqual(Object.fromEntries(checks.map((what) => [what, null])));

    await site.introduce(vm);
    await succeed(vm, `enable ${site.database.addAuthToken()}`);
  });

  it('waits while another transition runs, and goes on when it ends', async () => {
    await site.offer('121.1', (await site.build('121.1')).archive);
    const { release } = await sleeper();
    // Given somebody else's patch that cannot get in for a task that sleeps,
    await output(`insmod /host${site.directory}/kpatch_sleeper.ko`);
    expect(await output(`cat ${FOREIGN}/transition`)).toBe('1');

    // when a refresh finds it on its way, and it is given up while the refresh waits,
    const refreshed = client(vm, 'refresh 2>/tmp/told');
    await output("until grep -qs 'waiting for another transition' /tmp/told; do sleep 0.05; done");
    await output(`echo 0 >${FOREIGN}/enabled`);
    await release();

    // then the refresh does what it came for.
    expect(await refreshed).toMatchObject({ exitCode: 0, stdout: 'applied: patch 121.1\n' });
    expect(await livePatches()).toBe(name('121.1'));
    expect(await output('cat /proc/version')).toContain('live-patched, version 121');
    await output('rmmod kpatch_sleeper');
  });

  it("refuses to take somebody else's live patch out of use", async () => {
    const before = await output('cat /proc/version');
    await succeed(vm, 'revert');
    await output(`insmod /host${site.directory}/kpatch_sleeper.ko`);
    await becomesZero(`${FOREIGN}/transition`);
    await site.offer('122.1', (await site.build('122.1')).archive);

    const refused = await client(vm, 'refresh');

    expect(refused).toMatchObject({
      exitCode: 71,
      stdout: '',
      stderr: expect.stringContaining('kpatch_sleeper'),
    });
    expect(await livePatches()).toBe('kpatch_sleeper');
    expect(await output(`cat ${FOREIGN}/enabled ${FOREIGN}/transition`)).toBe('1\n0');
    expect(await output('cat /proc/version')).not.toBe(before);
    expect(await locks()).toBe('');
    expect(await status()).toMatchObject({ State: 'apply-failed', Version: '' });
    await output(
      `echo 0 >${FOREIGN}/enabled; while test -e ${FOREIGN}; do sleep 0.05; done; rmmod kpatch_sleeper`,
    );
  });

  it('gives up a transition that stalls, names the task, and leaves the kernel as it was', async () => {
    expect(await succeed(vm, 'refresh')).toMatchObject({ stdout: 'applied: patch 122.1\n' });
    const before = await output(
      'cat /proc/version; ls /sys/kernel/livepatch; grep -o "^lkp_[^ ]*" /proc/modules',
    );
    const stalling = await site.build('123.1', { source: SLEEPER_PATCH });
    await site.offer('123.1', stalling.archive);
    const { pid, release } = await sleeper();

    const { exitCode, stderr, stdout } = await vm.run('bin/canonical-livepatch.js refresh', STALL_TIME);

    expect({ exitCode, stdout }).toEqual({ exitCode: 71, stdout: '' });
    expect(stderr).toMatch(new RegExp(`held up by cat, process ${pid}, in .*sleeper_nap`));
    expect(
      await output('cat /proc/version; ls /sys/kernel/livepatch; grep -o "^lkp_[^ ]*" /proc/modules'),
    ).toBe(before);
    expect(await locks()).toBe('');
    // What is due is not in the kernel, and what is in the kernel is still said.
    expect(await status()).toMatchObject({ State: 'apply-failed', Version: '122.1' });

    await release();
    expect(await succeed(vm, 'refresh')).toMatchObject({ stdout: 'applied: patch 123.1\n' });
    expect(await livePatches()).toBe(name('123.1'));
  }, 240_000);

  it.each([
    { word: 'stop', says: 'nothing to do: canonical_livepatch_mode' },
    { word: 'no-refresh', says: 'nothing to do: canonical_livepatch_mode' },
    { word: 'no-apply', says: 'held back: canonical_livepatch_mode' },
    { word: 'normal', says: 'applied: patch 124.1' },
  ])('does what the mode $word allows, and no more', async ({ says, word }) => {
    if (word === 'stop') await site.offer('124.1', (await site.build('124.1')).archive);
    const [before, asked] = [await livePatches(), site.server.requests.length];
    await output(`echo ${word} >/var/local/canonical_livepatch_mode`);

    const { stdout } = await succeed(vm, 'refresh');

    expect(stdout).toContain(says);
    expect(await livePatches()).toBe(word === 'normal' ? name('124.1') : before);
    expect(site.server.requests.length > asked).toBe(word === 'normal' || word === 'no-apply');
  });

  it('takes the patch out again, and it stays out', async () => {
    expect(await succeed(vm, 'revert')).toMatchObject({ stdout: 'reverted: patch 124.1\n' });
    expect(await livePatches()).toBe('');
    expect(await succeed(vm, 'refresh')).toMatchObject({
      stdout: 'held back: patch 124.1 was taken out of the kernel by an administrator\n',
    });
    expect(await output('cat /proc/version')).not.toContain('live-patched');
  });

  it('sees through what a killed run has begun, whatever speaks against it by then', async () => {
    // In the seconds that it is watched: the kernel has it, and its lock says that it has not settled.
    await output(`bin/canonical-livepatch.js refresh --retry-blocked 2>/run/refresh.log >&2 &
      until grep -q 'watching the kernel' /run/refresh.log; do sleep 0.05; done; kill -9 $!`);
    expect(await locks()).toBe(`${name('124.1')}_124.1`);
    await succeed(vm, 'config cutoff-date=2020-01-01T00:00:00Z');

    expect(await succeed(vm, 'refresh')).toMatchObject({
      stdout: 'nothing to do: the kernel is up to date\n',
      stderr: expect.stringContaining('watching the kernel for 10 s'),
    });
    expect(await locks()).toBe('');
    expect(await livePatches()).toBe(name('124.1'));
    expect(await status()).toMatchObject({ State: 'applied', Version: '124.1' });
  });
});
