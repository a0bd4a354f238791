import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { moduleName } from '../patches/build.ts';
import { makeSigner } from '../patches/signer.ts';
import { debianKernel } from './debian-kernel.ts';
import { bootWithState, outputOf } from './guest.ts';
import { client, type Site, startSite, succeed } from './site.ts';
import type { Vm, VmOptions } from './vm.ts';

/**
 * One machine, whose disk is kept, through boot after boot: panics, power cuts at every step, bugs, another kernel.
 * Each test begins with the machine as the one before left it, and most end with its death.
 */

let site: Site;
let vm: Vm;
const consoles: (() => string)[] = [];

beforeAll(async () => {
  site = await startSite();
  await boot();
  await site.introduce(vm);
  await succeed(vm, 'config log-level=notice');
  await succeed(vm, `enable ${site.database.addAuthToken()}`);
});
afterAll(async () => {
  await vm?.kill();
  await site?.end();
});

/** The machine comes up, with its own /var/lib/canonical-livepatch; the kernel says on the console what it inserts. */
async function boot(options: Partial<VmOptions> = {}): Promise<void> {
  vm = await bootWithState({ kernel: site.kernel, disk: join(site.directory, 'disk.img'), ...options });
  consoles.push(vm.console);
  await output('dmesg -n 6');
}

const output = (script: string) => outputOf(vm, script);

/** Pulls the plug the moment the client says that it comes to this step. */
async function cutAt(step: string, words: string): Promise<void> {
  const ended = client(vm, `${words} 2>/dev/${site.kernel.hardware.console}`).then(
    ({ stdout }) => stdout,
    () => undefined,
  );
  while (!vm.console().includes(step)) {
    const printed = await Promise.race([ended, sleep(5, 'on its way')]);
    if (printed !== 'on its way') throw new Error(`ended without ${step}: ${printed}\n${vm.console()}`);
  }
  await vm.kill();
}

const livepatch = async () =>
  JSON.parse((await succeed(vm, 'status --format json')).stdout).Status[0].Livepatch;
const livePatches = () => output('ls /sys/kernel/livepatch');
const lockOf = (version: string) =>
  `/var/lib/canonical-livepatch/common/locks/${moduleName(site.kernel.release, version)}_${version}`;
const atBoot = () => client(vm, 'refresh --boot');

async function offer(version: string, changes: Parameters<Site['build']>[1] = {}): Promise<void> {
  await site.offer(version, (await site.build(version, changes)).archive);
}

describe('a patch that panics the machine', () => {
  it('takes it down', async () => {
    await offer('121.1', { defines: { PANICS: '1' } });
    await expect(client(vm, 'refresh')).rejects.toThrow('a patch that panics in its init');
    expect(await vm.ended).toBe('panicked');
  });

  it('is not inserted again after the reboot, and status says so and names the lock', async () => {
    await boot();
    expect(await atBoot()).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining('held back: the machine went down while patch 121.1 was being applied'),
    });
    expect((await succeed(vm, 'status --format humane')).stdout).toContain(lockOf('121.1').split('/').at(-1));
    expect(await livepatch()).toMatchObject({ Version: '' });
    expect(JSON.parse(await output(`cat ${lockOf('121.1')}`))).toMatchObject({ attempt: 1 });
    expect(await livePatches()).toBe('');
  });
});

describe('a power cut', () => {
  it('at the check-in and during the download leaves nothing to mend', async () => {
    await offer('122.1', { defines: { LINGERS: '1' } });
    await cutAt('checking in with', 'refresh');
    await boot();
    await cutAt('downloading patch 122.1', 'refresh');
    await boot();
    expect(await livePatches()).toBe('');
  });

  it('before a patch was verified does not make it trusted', async () => {
    await offer('123.1', { signer: await makeSigner(join(site.directory, 'patches')) });
    await cutAt('verifying patch 123.1', 'refresh');
    await boot();
    expect(await output('ls /var/lib/canonical-livepatch/common/patches | wc -l')).not.toBe('0');
    for (const run of [atBoot, () => client(vm, 'refresh')]) {
      await run();
      expect(await livePatches()).toBe('');
    }
    expect(await client(vm, 'refresh')).toMatchObject({
      exitCode: 65,
      stderr: expect.stringContaining('not trusted here'),
    });
    await site.withdraw('123.1');
  });

  it.each(['inserting lkp_', 'waiting for the transition to', 'watching the kernel'])(
    'at "%s" holds the patch back until the machine has proved itself, or the administrator says so',
    async (step) => {
      await cutAt(step, 'refresh --retry-blocked');
      await boot();
      expect(await atBoot()).toMatchObject({
        exitCode: 0,
        stderr: expect.stringContaining(
          'held back: the machine went down while patch 122.1 was being applied; it is tried once more after 15 minutes',
        ),
      });
      expect(await livePatches()).toBe('');
      expect(JSON.parse(await output(`cat ${lockOf('122.1')}`))).toMatchObject({ attempt: 1 });
    },
  );

  it('at any step has condemned nothing: the administrator has the patch applied', async () => {
    expect(await succeed(vm, 'refresh --retry-blocked')).toMatchObject({ stdout: 'applied: patch 122.1\n' });
    expect(await livepatch()).toMatchObject({ State: 'applied', Version: '122.1' });
    expect(await output(`test ! -e ${lockOf('122.1')}; ls /sys/kernel/livepatch`)).toBe(
      moduleName(site.kernel.release, '122.1'),
    );
  });
});

describe('a boot', () => {
  it('re-applies the patch from disk, with the network cut', async () => {
    await vm.kill();
    await boot();
    // Two days later, so that the boot does not leave the check to the timer.
    await output('/run/busybox ip link set eth0 down && date --set "+2 days"');
    expect(await atBoot()).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining('applied: patch 122.1\n'),
    });
    expect(await output('cat /proc/version')).toContain('live-patched, version 122');
    expect(await livepatch()).toMatchObject({
      CheckState: 'check-failed',
      State: 'applied',
      Version: '122.1',
    });
  });

  it('into another kernel inserts nothing that was made for the one before', async () => {
    await vm.kill();
    const previous = debianKernel('previous');
    await boot({ kernel: previous });
    site.database.setKernel(previous.release, previous.architecture, { support: 'supported' });
    expect(await atBoot()).toMatchObject({ exitCode: 0 });
    expect(await livePatches()).toBe('');
    expect(await livepatch()).toMatchObject({ State: 'nothing-to-apply', Version: '' });
  });

  it('does not re-apply what the server has withdrawn meanwhile, and status says so', async () => {
    await vm.kill();
    await boot();
    expect(await atBoot()).toMatchObject({ exitCode: 0 });
    expect(await livepatch()).toMatchObject({ State: 'applied', Version: '122.1' });
    site.database.withdraw('122.1');
    site.database.withdraw('121.1');
    await succeed(vm, 'refresh');
    await vm.kill();
    await boot();
    expect(await atBoot()).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining('held back: patch 122.1 was withdrawn\n'),
    });
    expect((await succeed(vm, 'status --format humane')).stdout).toContain(
      'held back: patch 122.1 was withdrawn',
    );
    expect(await livePatches()).toBe('');
  });
});

describe('a patch that the kernel finds a bug in', () => {
  it('is applied with a bug, says so with its exit status, and keeps the trace in its lock', async () => {
    await offer('124.1', { defines: { OOPSES: '1' } });
    expect(await client(vm, 'refresh')).toMatchObject({
      exitCode: 71,
      stdout: '',
      stderr: expect.stringContaining(lockOf('124.1').replace(/.*(?=locks)/, '')),
    });
    expect(await livepatch()).toMatchObject({ State: 'applied-with-bug', Version: '124.1' });
    const { trace } = JSON.parse(await output(`cat ${lockOf('124.1')}`));
    expect(trace.join('\n')).toContain('write_to_null');
  });

  it('is not re-applied at boot', async () => {
    await vm.kill();
    await boot({ commandLineExtra: 'canonical_livepatch_mode=no-refresh' });
    const asked = site.server.requests.length;
    expect(await atBoot()).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining('held back: the kernel found a bug in patch 124.1'),
    });
    expect(site.server.requests).toHaveLength(asked);
    expect(await livePatches()).toBe('');
  });
});

describe('the kernel command line', () => {
  it('and the mode file together let happen only what both allow', async () => {
    await output(
      'echo no-apply >/var/local/canonical_livepatch_mode; echo not yaml: : >/persist/state/common/config',
    );
    expect(await succeed(vm, 'refresh --retry-blocked')).toMatchObject({
      stdout: 'nothing to do: canonical_livepatch_mode says so\n',
    });
    await succeed(vm, 'refresh --boot --retry-blocked');
    expect(await livePatches()).toBe('');
  });
});

describe('in all these boots', () => {
  it('no module was inserted but those that were verified', () => {
    const inserted = consoles
      .flatMap((text) => [...text().matchAll(/enabling patch '(\w+)'/g)])
      .map(([, name]) => name);
    expect(new Set(inserted)).toEqual(
      new Set(['122.1', '124.1'].map((version) => moduleName(site.kernel.release, version))),
    );
  });
});
