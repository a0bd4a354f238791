import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { execa } from 'execa';
import { unpackTar } from 'modern-tar';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatMetadata } from '../../src/patch/metadata.ts';
import { packPatchFile } from '../../src/publish/patch-file.ts';
import type { Candidate, Metadata } from '../../src/types.ts';
import { type BuiltPatch, compileModule, moduleName, packPatch } from '../patches/build.ts';
import { makeSigner } from '../patches/signer.ts';
import { outputOf } from './guest.ts';
import { client, type Site, startSite, succeed } from './site.ts';
import { bootVm, type Vm } from './vm.ts';

/** Those who have no signing key: a server that relabels genuine patches, and local users who choose names. One boot. */

const SOURCES = join(import.meta.dirname, '../patches');

let site: Site;
let vm: Vm;

beforeAll(async () => {
  site = await startSite();
  vm = await bootVm({ kernel: site.kernel });
  await site.introduce(vm);
  await site.offer('122.1', (await site.build('122.1')).archive);
  await succeed(vm, `enable ${site.database.addAuthToken()}`);
});
afterAll(async () => {
  await vm?.kill();
  await site?.end();
});

const output = (script: string) => outputOf(vm, script);

const kernelState = () =>
  output(
    'cat /proc/version /proc/modules /proc/sys/kernel/tainted; ls /sys/kernel/livepatch; dmesg | grep -c livepatch',
  );
const status = async () => JSON.parse((await succeed(vm, 'status --format json')).stdout).Status[0].Livepatch;
const locks = () => output('ls /var/lib/canonical-livepatch/common/locks');

/** The signature that is beside a patch file's metadata. */
async function signatureOf({ archive }: BuiltPatch): Promise<Uint8Array> {
  const entries = await unpackTar(gunzipSync(archive));
  return entries.find(({ header }) => header.name.endsWith('.p7s'))?.data ?? new Uint8Array();
}

/** What a server makes that has genuine patch files, and no key: other words under the old signature. */
async function relabelled(patch: BuiltPatch, changes: Partial<Metadata>): Promise<Uint8Array> {
  const metadata = { ...patch.metadata, ...changes };
  return packPatchFile(metadata, {
    module: patch.module,
    metadata: Buffer.from(formatMetadata(metadata)),
    metadataSignature: await signatureOf(patch),
  });
}

const FORGED = '999999.1';
const FIXES = [{ name: 'CVE-2099-0001', description: '', bug: '', patched: true }];

describe('a server without a signing key', () => {
  it('has no genuine patch taken for another, by whatever it says of it', async () => {
    const before = await kernelState();
    const [old, minor, newer] = await Promise.all([
      site.build('121.1'),
      site.build('121.2', { defines: { MINOR: '2' } }),
      site.build('123.1'),
    ]);
    const stranger = await makeSigner(`${site.directory}/patches`);
    const metadataOf = async ({ metadata }: BuiltPatch, of: BuiltPatch) =>
      packPatch(metadata, of.module, site.kernel, site.signer);
    const attacks: [what: string, archive: Uint8Array, says: Partial<Candidate>, words: RegExp][] = [
      ['offer: version', old.archive, {}, /version: the offer does not agree with the signed metadata/],
      [
        'offer: date',
        newer.archive,
        { version: '123.1', releasedAt: '2026-02-01T00:00:00Z' },
        /releasedAt: the offer does not agree/,
      ],
      ['offer: fixes', newer.archive, { version: '123.1', fixes: FIXES }, /fixes: the offer does not agree/],
      [
        'offer: cumulative',
        newer.archive,
        { version: '123.1', cumulative: false },
        /cumulative: the offer does not agree/,
      ],
      [
        'metadata: version',
        await relabelled(old, { version: FORGED }),
        {},
        /metadata\.json\.p7s: .*does not match|metadata\.json\.p7s: .*signature/,
      ],
      [
        'metadata: date',
        await relabelled(newer, { releasedAt: '2020-01-01T00:00:00Z' }),
        {},
        /metadata\.json\.p7s: .*signature/,
      ],
      ['metadata: fixes', await relabelled(newer, { fixes: FIXES }), {}, /metadata\.json\.p7s: .*signature/],
      [
        'metadata: kernel',
        await relabelled(old, { kernel: '6.1.0-1-amd64', version: FORGED }),
        {},
        /metadata\.json\.p7s: .*signature/,
      ],
      [
        'metadata: by a key of its own',
        await packPatch({ ...old.metadata, version: FORGED }, old.module, site.kernel, stranger),
        {},
        /metadata\.json\.p7s: .*not trusted here/,
      ],
      [
        'a genuine patch for another kernel',
        await packPatch(
          { ...newer.metadata, kernel: '6.1.0-1-amd64' },
          newer.module,
          site.kernel,
          site.signer,
        ),
        {},
        /the patch is for kernel 6\.1\.0-1-amd64, running is/,
      ],
      [
        'metadata of one patch, module of another',
        await metadataOf(newer, old),
        {},
        /metadata\.json: module: does not agree with the module/,
      ],
      [
        'metadata of one patch, module of another of the same name',
        await metadataOf(minor, old),
        {},
        /metadata\.json: digest: does not agree with the module/,
      ],
    ];
    for (const [what, archive, says, words] of attacks) {
      const version = says.version ?? FORGED;
      await site.offer(FORGED, archive, { version: FORGED, ...says });

      const refused = await client(vm, 'refresh');

      expect(refused, what).toMatchObject({ exitCode: 65, stdout: '', stderr: expect.stringMatching(words) });
      expect(await status(), what).toMatchObject({ State: 'apply-failed', Version: '122.1' });
      await site.withdraw(version);
    }
    expect(await kernelState()).toBe(before);
    expect(await locks()).toBe('');
    const log = '/var/lib/canonical-livepatch/common/logs/security.log';
    expect(await output(`grep -c '"what":"refused"' ${log}`)).toBe(String(attacks.length));
  });

  it('has no other spelling of a version taken for a newer one', async () => {
    const before = await kernelState();
    const { archive } = await site.build('122.1');
    await site.offer('122.1.0', archive, { version: '122.1.0' });
    expect(await client(vm, 'refresh')).toMatchObject({
      exitCode: 76,
      stdout: '',
      stderr: expect.stringContaining('version'),
    });
    await site.withdraw('122.1.0');
    expect(await kernelState()).toBe(before);
  });

  it('does not get an old signed patch back into the kernel', async () => {
    const before = await kernelState();
    await site.withdraw('122.1');
    await site.offer('121.1', (await site.build('121.1')).archive);

    // While the newer one is in use,
    expect(await succeed(vm, 'refresh')).toMatchObject({
      stdout: 'nothing to do: the kernel is up to date\n',
    });
    expect(await kernelState()).toBe(before);
    expect((await succeed(vm, 'status --format humane --verbose')).stdout).toContain(
      'held back: patch 121.1 is older than 122.1, which was applied to this kernel',
    );

    // and when it has been taken out.
    await succeed(vm, 'revert');
    for (const words of ['refresh', 'refresh --boot', 'refresh --skip-phase']) {
      await succeed(vm, words);
      expect(await output('ls /sys/kernel/livepatch'), words).toBe('');
    }
    expect(await succeed(vm, 'refresh')).toMatchObject({
      stdout: 'held back: patch 121.1 is older than 122.1, which was applied to this kernel\n',
    });
    await site.withdraw('121.1');
  });
});

describe('a local user', () => {
  it('cannot have a good patch blamed, by a program of a name like a fault that dies meanwhile', async () => {
    const program = join(site.directory, 'segfault');
    await writeFile(`${program}.c`, 'int main(void) { *(volatile int *)0 = 0; }\n');
    await execa`gcc -static -o ${program} ${program}.c`;
    const name = 'BUG: version_proc_show+0x';
    await site.offer('123.1', (await site.build('123.1')).archive);
    await output(`cp /host${program} '/tmp/${name}'; chmod 755 '/tmp/${name}'`);

    const refreshed = client(vm, 'refresh 2>/run/refresh.log');
    await output("until grep -qs 'watching the kernel' /run/refresh.log; do sleep 0.05; done");
    await vm.run(`for each in 1 2 3; do
      setpriv --reuid 65534 --regid 65534 --clear-groups '/tmp/${name}'
    done`);

    // The kernel has told of it,
    expect(await output('dmesg')).toContain(`in ${name}[`);
    // and it says nothing about the patch.
    expect(await refreshed).toMatchObject({ exitCode: 0, stdout: 'applied: patch 123.1\n' });
    expect(await status()).toMatchObject({ State: 'applied', Version: '123.1' });
    expect(await locks()).toBe('');
    expect((await client(vm, 'kernel-upgrade-required')).exitCode).toBe(1);
  });

  it('cannot write to a terminal or a parser by the name of a task that holds up a transition', async () => {
    const module = await compileModule({
      source: join(SOURCES, 'sleeper.c'),
      name: 'sleeper',
      kernel: site.kernel,
    });
    await writeFile(join(site.directory, 'sleeper.ko'), module);
    await output(`insmod /host${site.directory}/sleeper.ko; chmod 666 /proc/sleeper`);
    const { archive } = await site.build('124.1', { source: join(SOURCES, 'sleeper_patch.c') });
    await site.offer('124.1', archive);
    // Given a task of any user's that is called ESC [ 3 1 m, then LF, then a line as of ours,
    await output(`name=$(printf '/tmp/a\\033[31m\\nkernel:')
      cp /usr/bin/cat "$name"; chmod 755 "$name"
      setpriv --reuid 65534 --regid 65534 --clear-groups "$name" /proc/sleeper >/dev/null 2>&1 &
      until grep -qs sleeper_nap /proc/$!/stack; do sleep 0.05; done
      grep -q "$(printf '\\033')" /proc/$!/comm`);

    // when it holds up a transition,
    const { exitCode, stderr } = await client(vm, 'refresh');

    // then it is named, in plain words, wherever it is told.
    expect(exitCode).toBe(71);
    expect(stderr).toMatch(/held up by a\?\[31m\?kernel:, process \d+, in .*sleeper_nap/);
    const told = [stderr];
    for (const words of ['status --format humane --verbose', 'status --format yaml', 'status --format json'])
      told.push((await succeed(vm, words)).stdout);
    told.push(
      (await succeed(vm, 'history')).stdout,
      await output('cat /var/lib/canonical-livepatch/data/state.json'),
    );
    for (const text of told) {
      expect(text).not.toMatch(/[^\P{C}\n]/u);
      expect(text).not.toMatch(/^kernel:,/m);
    }
    expect(told.join('')).toContain('a?[31m?kernel:');
    expect(JSON.stringify(JSON.parse(told[3] as string))).not.toMatch(/\\u001b|\\n/);
    await output('echo >/proc/sleeper');
    expect(await output('ls /sys/kernel/livepatch')).toBe(moduleName(site.kernel.release, '123.1'));
  }, 240_000);
});
