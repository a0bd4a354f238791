import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatMetadata } from '../../src/patch/metadata.ts';
import { splitSignedModule } from '../../src/patch/trailer.ts';
import { targz } from '../patch/make/tar.ts';
import { moduleName, PROC_LOADAVG, packPatch } from '../patches/build.ts';
import { bootWithState, outputOf } from './guest.ts';
import { client, type Site, startSite, succeed } from './site.ts';
import type { Vm } from './vm.ts';

/** Patches that an administrator applies from files: on a machine that no server knows, then on one that has a server. */

let site: Site;
let vm: Vm;

beforeAll(async () => {
  site = await startSite();
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

/** Leaves a patch file where the guest sees it. */
async function file(name: string, archive: Uint8Array): Promise<string> {
  await writeFile(join(site.directory, name), archive);
  return `/host${site.directory}/${name}`;
}

const stacked = (version: string) => site.build(version, { source: PROC_LOADAVG, cumulative: false });
const names = (...versions: string[]) =>
  versions.map((version) => moduleName(site.kernel.release, version)).join('\n');
const livePatches = () => output('ls /sys/kernel/livepatch');
const modules = () => output("grep -o '^lkp_[^ ]*' /proc/modules | sort");
const procVersion = () => output('cat /proc/version');
const loadavg = () => output('cat /proc/loadavg');

describe('a machine that is not enabled', () => {
  it('refuses what is not provably a patch for it, and leaves its kernel alone', async () => {
    const good = await site.build('121.1');
    const foreign = await packPatch(
      { ...good.metadata, kernel: '6.1.0-1-amd64' },
      good.module,
      site.kernel,
      site.signer,
    );
    const { content } = splitSignedModule(good.module);
    const unsigned = await packPatch(good.metadata, content, site.kernel, site.signer);
    const unlabelled = targz(
      { name: 'livepatch-1/', type: '5' },
      { name: 'livepatch-1/metadata.json', body: Buffer.from(formatMetadata(good.metadata)) },
      { name: 'livepatch-1/x.ko', body: Buffer.from(good.module) },
    );
    for (const [name, archive, says] of [
      ['other-kernel', foreign, /6\.1\.0-1-amd64/],
      ['unsigned-module', unsigned, /the module is not signed/],
      ['unsigned-metadata', unlabelled, /the metadata is not signed/],
      ['garbage', Buffer.from('no patch'), /./],
    ] as const) {
      const refused = await client(vm, `apply ${await file(name, archive)}`);
      expect(refused, name).toMatchObject({
        exitCode: 65,
        stdout: '',
        stderr: expect.stringMatching(says),
      });
    }
    expect(await livePatches()).toBe('');
    expect(await modules()).toBe('');
    const left = await output('find /persist/state -path "*/patches/*" -o -path "*/locks/*"');
    expect(left).toBe('');
  });

  it('applies a patch file', async () => {
    const path = await file('121.tar.gz', (await site.build('121.1')).archive);
    expect(await succeed(vm, `apply --dry-run ${path}`)).toMatchObject({
      stdout: 'would apply patch 121.1\n',
    });
    expect(await livePatches()).toBe('');

    expect(await succeed(vm, `apply ${path}`)).toMatchObject({ stdout: 'applied: patch 121.1\n' });

    expect(await procVersion()).toContain('live-patched, version 121');
    expect(await succeed(vm, `apply ${path}`)).toMatchObject({
      stdout: 'nothing to do: the kernel is up to date\n',
    });
  });

  it('stacks one from standard input that replaces none', async () => {
    const path = await file('122.tar.gz', (await stacked('122.1')).archive);

    expect(await succeed(vm, `apply - <${path}`)).toMatchObject({ stdout: 'applied: patch 122.1\n' });

    expect(await livePatches()).toBe(names('121.1', '122.1'));
    expect(await procVersion()).toContain('live-patched, version 121');
    expect(await loadavg()).toBe('live-patched, version 122');
    expect((await succeed(vm, 'history')).stdout).toMatch(
      /applied: patch 122\.1\n.*applied: patch 121\.1\n$/,
    );
  });

  it('holds back one that is older than what it has', async () => {
    const path = await file('120.tar.gz', (await site.build('120.1')).archive);

    expect(await client(vm, `apply ${path}`)).toMatchObject({
      exitCode: 79,
      stdout: '',
      stderr: expect.stringContaining('held back: patch 120.1 is older than 122.1'),
    });
    expect(await livePatches()).toBe(names('121.1', '122.1'));
  });

  it('has the whole stack again after a reboot', async () => {
    await boot();
    expect(await livePatches()).toBe('');

    expect(await client(vm, 'refresh --boot')).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining('applied: patch 121.1, patch 122.1'),
    });

    expect(await livePatches()).toBe(names('121.1', '122.1'));
    expect(await procVersion()).toContain('live-patched, version 121');
    expect(await loadavg()).toBe('live-patched, version 122');
  });
});

describe('a machine that gets a server', () => {
  it('goes over to what is newer there, and nothing of the stack stays', async () => {
    await site.offer('123.1', (await site.build('123.1')).archive);
    await succeed(vm, `enable ${site.database.addAuthToken()}`);

    expect(await livePatches()).toBe(names('123.1'));
    expect(await modules()).toBe(names('123.1'));
    expect(await procVersion()).toContain('live-patched, version 123');
    expect(await loadavg()).not.toContain('live-patched');
    expect((await succeed(vm, 'history')).stdout).toContain(
      'applied: patch 123.1, in place of 121.1, 122.1\n',
    );
  });

  it('takes the whole of ours out, the newest first, and all of it stays out', async () => {
    await succeed(vm, `apply ${await file('124.tar.gz', (await stacked('124.1')).archive)}`);
    expect(await loadavg()).toBe('live-patched, version 124');

    expect(await succeed(vm, 'revert')).toMatchObject({ stdout: 'reverted: patch 124.1, patch 123.1\n' });

    expect(await output('ls /sys/kernel/livepatch; grep -c "^lkp_" /proc/modules || true')).toBe('0');
    expect(await procVersion()).not.toContain('live-patched');
    expect(await loadavg()).not.toContain('live-patched');
    expect(await succeed(vm, 'refresh')).toMatchObject({ stdout: expect.stringMatching(/^held back: /) });
    expect((await succeed(vm, 'status --format humane --verbose')).stdout).toContain(
      'held back: patch 124.1 was taken out of the kernel by an administrator',
    );
    await boot();
    await client(vm, 'refresh --boot');
    expect(await livePatches()).toBe('');
  });

  it('has all of it again when the administrator asks', async () => {
    expect(await succeed(vm, 'refresh --retry-blocked')).toMatchObject({
      stdout: 'applied: patch 123.1, patch 124.1\n',
    });
    expect(await livePatches()).toBe(names('123.1', '124.1'));
    expect(await loadavg()).toBe('live-patched, version 124');
    expect(await succeed(vm, 'refresh')).toMatchObject({
      stdout: 'nothing to do: the kernel is up to date\n',
    });
  });

  it('keeps nothing in use when it is disabled with its patches', async () => {
    await succeed(vm, 'disable --unpatch');
    expect(await output('ls /sys/kernel/livepatch; grep -c "^lkp_" /proc/modules || true')).toBe('0');
  });
});
