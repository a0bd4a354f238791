import { writeFile } from 'node:fs/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { moduleName, packPatch } from '../patches/build.ts';
import { makeSigner } from '../patches/signer.ts';
import { makePki } from '../server/pki.ts';
import { client, type Site, startSite, succeed } from './site.ts';
import { bootVm, type Vm } from './vm.ts';

let site: Site;
let vm: Vm;

beforeAll(async () => {
  site = await startSite();
  vm = await bootVm({ kernel: site.kernel });
});
afterAll(async () => {
  await vm?.kill();
  await site?.end();
});

const read = async (script: string) => (await vm.run(script)).stdout;
const procVersion = () => read('cat /proc/version');
/** What an insertion would change of a kernel. */
const kernelState = () =>
  read(
    'cat /proc/version /proc/modules /proc/sys/kernel/tainted; ls /sys/kernel/livepatch; dmesg | grep -c livepatch',
  );
const status = async () => JSON.parse((await succeed(vm, 'status --format json')).stdout);

const flipped = (bytes: Uint8Array, at: number) => {
  const copy = Uint8Array.from(bytes);
  copy[at] = (copy[at] as number) ^ 0x01;
  return copy;
};

describe('on a real kernel', () => {
  it('refuses to enable with an unknown token, and over untrusted TLS, and leaves nothing behind', async () => {
    const before = await kernelState();
    await site.introduce(vm);
    const unknown = await client(vm, 'enable 11111111-2222-3333-4444-555555555555');
    expect(unknown).toMatchObject({
      exitCode: 76,
      stdout: '',
      stderr: expect.stringContaining('Unknown Auth-Token'),
    });

    await succeed(vm, 'config ca-certs=');
    const untrusted = await client(vm, `enable ${site.database.addAuthToken()}`);
    expect(untrusted).toMatchObject({
      exitCode: 69,
      stdout: '',
      stderr: expect.stringContaining('ca-certs'),
    });

    expect(await client(vm, 'status')).toMatchObject({ exitCode: 1, stdout: '' });
    expect(await kernelState()).toBe(before);
  });

  it('enables, and refuses a second time', async () => {
    await site.introduce(vm);
    const { stdout } = await succeed(vm, `enable ${site.database.addAuthToken()}`);
    expect(stdout).toMatch(/^Successfully enabled device\. Using machine-token: [0-9a-f]{4}\*{28}\n$/);
    const again = await client(vm, `enable ${site.database.addAuthToken()}`);
    expect(again).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('Machine-token already exists!'),
    });
    expect((await status()).Status[0].Livepatch.State).toBe('nothing-to-apply');
  });

  it('refuses whatever was tampered with, and does not touch the kernel', async () => {
    const before = await kernelState();
    const good = await site.build('121.1');
    const stranger = await site.build('121.1', { signer: await makeSigner(`${site.directory}/patches`) });
    const middle = good.module.length >> 1;
    const { kernel, signer } = site;
    const repacked = (module: Uint8Array, changes: Partial<typeof good.metadata> = {}) =>
      packPatch({ ...good.metadata, ...changes }, module, kernel, signer);
    const tampered: [Uint8Array, number, RegExp][] = [
      [await repacked(flipped(good.module, middle)), 65, /signature/],
      [await repacked(flipped(good.module, good.module.length - 200)), 65, /signature/],
      [await repacked(good.module.subarray(0, middle)), 65, /not signed/],
      [stranger.archive, 65, /not trusted here/],
      [flipped(good.archive, good.archive.length >> 1), 65, /./],
      [await repacked(good.module, { kernel: '6.1.0-1-amd64' }), 65, /6\.1\.0-1-amd64/],
      [gzipSync(gunzipSync(good.archive).subarray(0, -2048)), 65, /./],
    ];
    for (const [index, [archive, exitCode, message]] of tampered.entries()) {
      const version = `${index + 1}.1`;
      await site.offer(version, archive);
      const result = await client(vm, 'refresh');
      expect(result, version).toMatchObject({ exitCode, stdout: '', stderr: expect.stringMatching(message) });
      expect((await status()).Status[0].Livepatch, version).toMatchObject({
        State: 'apply-failed',
        Version: '',
      });
      await site.withdraw(version);
    }
    expect(await kernelState()).toBe(before);
  });

  it('does not download over TLS that is not trusted any more', async () => {
    const before = await kernelState();
    await makePki(`${site.directory}/patches`, { hosts: ['livepatch.test'] });
    await succeed(vm, `config ca-certs=@stdin < /host${site.directory}/patches/ca.pem`);
    expect(await client(vm, 'refresh')).toMatchObject({ exitCode: 69, stdout: '' });
    expect(await kernelState()).toBe(before);
    await site.introduce(vm);
  });

  it('applies a patch: the kernel behaves differently, and status says so', async () => {
    const original = await procVersion();
    await site.offer('121.1', (await site.build('121.1')).archive);
    const { stdout } = await succeed(vm, 'refresh');
    expect(stdout).toBe('applied: patch 121.1\n');
    expect(await procVersion()).toContain('live-patched, version 121');
    expect(original).not.toContain('live-patched');
    const document = await status();
    expect(document.Status[0]).toMatchObject({
      Kernel: site.kernel.release,
      Livepatch: { CheckState: 'checked', State: 'applied', Version: '121.1' },
      Supported: 'supported',
    });
    expect(await read('ls /sys/kernel/livepatch')).toBe(`${moduleName(site.kernel.release, '121.1')}\n`);
  });

  it('says of a module who signed it, and for which kernel', async () => {
    const { metadata, module } = await site.build('121.1');
    const path = `${site.directory}/some.ko`;
    await writeFile(path, module);
    const { stdout } = await succeed(
      vm,
      `verify --format json --keys /host${site.signer.certFile} /host${path}`,
    );
    expect(JSON.parse(stdout)).toMatchObject([
      {
        verdict: 'accepted',
        signature: 'good',
        digest: metadata.digest,
        module: metadata.module,
        kernel: site.kernel.release,
        livepatch: true,
      },
    ]);
  });

  it('finds nothing wrong with the machine', async () => {
    const findings: { verdict: string }[] = JSON.parse((await client(vm, 'doctor --json')).stdout);
    expect(findings.filter(({ verdict }) => verdict === 'wrong')).toEqual([]);
  });

  it('finds nothing more to do', async () => {
    const before = await kernelState();
    expect(await succeed(vm, 'refresh')).toMatchObject({
      stdout: 'nothing to do: the kernel is up to date\n',
    });
    expect(await kernelState()).toBe(before);
  });

  it('moves on to a newer cumulative patch, and the old module is gone', async () => {
    await site.offer('122.1', (await site.build('122.1')).archive);
    await succeed(vm, 'refresh');
    expect(await procVersion()).toContain('live-patched, version 122');
    expect((await status()).Status[0].Livepatch).toMatchObject({ State: 'applied', Version: '122.1' });
    const modules = await read("grep '^lkp_' /proc/modules");
    expect(modules.split(' ', 1)[0]).toBe(moduleName(site.kernel.release, '122.1'));
    expect(modules.trim().split('\n')).toHaveLength(1);
  });

  it('takes it out on request, and has it again on request', async () => {
    expect(await succeed(vm, 'revert')).toMatchObject({ stdout: 'reverted: patch 122.1\n' });
    expect(await procVersion()).not.toContain('live-patched');
    expect(await succeed(vm, 'refresh --retry-blocked')).toMatchObject({ stdout: 'applied: patch 122.1\n' });
    expect(await procVersion()).toContain('live-patched, version 122');
  });

  it('keeps token and state to root alone', async () => {
    const modes = await read('cd /var/lib/canonical-livepatch && stat -c "%a %n" common/* data/* | sort');
    expect(modes).toBe(
      '600 common/config\n600 common/last-check\n600 common/machine-token\n600 common/run-lock\n' +
        '600 data/pings.json\n644 data/state.json\n700 common/catalogue\n700 common/locks\n700 common/logs\n700 common/patches\n700 data/history\n',
    );
    const nobody = await vm.run(
      'setpriv --reuid 65534 --regid 65534 --clear-groups node bin/canonical-livepatch.js status --format json',
    );
    expect(JSON.parse(nobody.stdout)).toEqual({ ...(await status()), Uptime: expect.any(String) });
  });

  it('gives the original behaviour back', async () => {
    const { stdout } = await succeed(vm, 'disable --unpatch');
    expect(stdout).toMatch(/^Successfully disabled device\. Removed machine-token: [0-9a-f]{4}\*{28}\n$/);
    expect(await procVersion()).not.toContain('live-patched');
    expect(await read("grep -c '^lkp_' /proc/modules; ls /sys/kernel/livepatch")).toBe('0\n');
    expect(await client(vm, 'status')).toMatchObject({ exitCode: 1, stdout: '' });
    expect(await succeed(vm, 'disable')).toMatchObject({ stderr: '' });
  });
});
