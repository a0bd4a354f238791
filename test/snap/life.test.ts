import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PLUGS } from '../../src/kernel/plugs.ts';
import { type Site, startSite } from '../kernel/site.ts';
import type { Machine, RunResult } from '../kernel/vm.ts';
import { MOUNT_HOST, startSnapMachine } from './machine.ts';

const NAME = 'canonical-livepatch';
const COMMON = `/var/snap/${NAME}/common`;
const PACK = join(import.meta.dirname, '../../snap/pack.ts');

/** The emulated machine takes so long to compile a snap's AppArmor profiles, and some. */
const SNAPD_TIME = 300_000;

let site: Site;
let machine: Machine;
let snap: string;
let tokenFile: string;

beforeAll(async () => {
  site = await startSite();
  tokenFile = join(site.directory, 'token');
  const { stdout } = await execa('node', [PACK, site.directory]);
  snap = stdout.replace('built: ', '');
  machine = await startSnapMachine(site.directory);
});
afterAll(async () => {
  await machine?.kill();
  await site?.end();
});

const run = (script: string) => machine.run(script, { timeoutMs: SNAPD_TIME });
const client = (words: string) => run(`${NAME} ${words}`);

/** Runs what can only succeed. Returns what it printed, without the last newline. */
async function output(script: string): Promise<string> {
  const result = await run(script);
  if (result.exitCode !== 0) throw new Error(`${script}: exit status ${result.exitCode}\n${result.stderr}`);
  return result.stdout.trimEnd();
}
const succeed = (words: string) => output(`${NAME} ${words}`);

const procVersion = () => output('cat /proc/version');
const status = async () => JSON.parse(await succeed('status --format json')).Status[0].Livepatch;
const settings = async () => JSON.parse(await output(`snap get -d ${NAME}`));
/** As a person at the shell of the host would see them. */
const modes = () => output(`cd ${COMMON} && find . ../current/ -printf '%m %u %P %f\\n' | sort`);

async function newToken(): Promise<string> {
  await writeFile(tokenFile, site.database.addAuthToken(), { mode: 0o600 });
  return `enable - < /host${tokenFile}`;
}

async function offer(version: string): Promise<void> {
  await site.offer(version, (await site.build(version)).archive);
}

/** What confinement has denied since the last look. */
async function denials(): Promise<string[]> {
  const { stdout } = await run(
    `journalctl --sync; journalctl --quiet --no-pager --output=cat --cursor-file=/run/denials |
     grep -E 'apparmor="DENIED"|SECCOMP|type=1326' | sort | uniq`,
  );
  return stdout.split('\n').filter(Boolean);
}

function failsWith(result: RunResult, exitCode: number, message: string | RegExp): void {
  expect(result).toMatchObject({ exitCode, stdout: '', stderr: expect.stringMatching(message) });
}

describe('the life of the snap', () => {
  it('installs, and says what is to be connected before anything is done', async () => {
    await output(`snap install --dangerous /host${snap}`);
    expect(await output(`systemctl --failed --plain --no-legend`)).toBe('');
    for (const words of ['status', 'refresh', 'revert', await newToken()]) {
      const result = await client(words);
      failsWith(result, 77, /sudo snap connect canonical-livepatch:kernel-module-control/);
      expect(result.stderr).not.toContain('canonical-livepatch:network');
    }
  });

  it('shows and takes its configuration through snap get and snap set, all or none', async () => {
    for (const plug of PLUGS) await output(`snap connect ${NAME}:${plug}`);
    expect(await settings()).toMatchObject({ 'dial-timeout': '12s', 'check-interval': '60' });

    const bad = await run(`snap set ${NAME} dial-timeout=20s check-interval=5`);
    expect(bad).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('check-interval: must be 0, or'),
    });
    failsWith(await run(`snap set ${NAME} no-such-key=1`), 1, /no-such-key: is not a configuration key/);
    expect(await settings()).toMatchObject({ 'dial-timeout': '12s', 'check-interval': '60' });

    await output(
      `snap set ${NAME} remote-server=https://livepatch.test:${site.server.port} check-interval=90 \
       ca-certs="$(cat /host${site.directory}/ca.pem)" signing-certs="$(cat /host${site.signer.certFile})"`,
    );
    expect(await succeed('config check-interval')).toBe('check-interval: 90');
    await succeed('config check-interval= dial-timeout=30s');
    expect(await settings()).toMatchObject({ 'dial-timeout': '30s', 'check-interval': '60' });
    await output(`snap unset ${NAME} dial-timeout`);
    expect(await succeed('config dial-timeout')).toBe('dial-timeout: 12s');
  });

  it('enables, and patches the running kernel from inside its confinement', async () => {
    await offer('121.1');
    expect(await procVersion()).not.toContain('live-patched');
    expect(await succeed(await newToken())).toMatch(/^Successfully enabled device/);
    expect(await procVersion()).toContain('live-patched, version 121');
    expect(await status()).toMatchObject({ State: 'applied', Version: '121.1' });
  });

  it('tells everybody the status, and keeps its secrets to root', async () => {
    await output('useradd --create-home person');
    const document = JSON.parse(await output(`su person -c '/snap/bin/${NAME} status --format json'`));
    expect(document.Status[0].Livepatch).toEqual(await status());
    expect(await modes()).toBe('');
  });

  it('applies the patch again when the machine boots', async () => {
    await machine.reboot();
    await output(MOUNT_HOST);
    await output(
      `while systemctl show --property=SubState snap.${NAME}.boot | grep -q start; do sleep 1; done`,
    );
    expect(await procVersion()).toContain('live-patched, version 121');
    expect(await output(`journalctl --output=cat --boot --unit=snap.${NAME}.boot`)).toContain(
      'applied: patch 121.1',
    );
  });

  it('keeps its state through a refresh of the snap', async () => {
    const before = await status();
    await output(`snap install --dangerous /host${snap}`);
    expect(await output(`readlink /snap/${NAME}/current`)).toBe('x2');
    expect(await status()).toEqual(before);
    expect(await procVersion()).toContain('live-patched, version 121');
  });

  it('checks by itself when its timer elapses', async () => {
    await offer('122.1');
    const next = await output(
      `systemctl show --property=NextElapseUSecRealtime --value snap.${NAME}.refresh.timer`,
    );
    await output(`date -s "$(date -d '${next} 2 seconds ago')"`);
    await output('until grep -q "version 122" /proc/version; do sleep 1; done');
    expect(await status()).toMatchObject({ State: 'applied', Version: '122.1' });
  });

  it('was denied nothing in all of this', async () => {
    expect(await denials()).toEqual([]);
  });
});
