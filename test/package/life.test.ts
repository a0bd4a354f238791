import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Site, startSite } from '../kernel/site.ts';
import type { Machine } from '../kernel/vm.ts';
import { MOUNT_HOST, startSnapMachine } from '../snap/machine.ts';
import { buildPackage, SOMEBODY, SOMEBODY_ELSE } from './build.ts';

const NAME = 'canonical-livepatch';
const STATE = `/var/lib/${NAME}`;
const UNITS = `${NAME}d.service ${NAME}-refresh.timer`;

let site: Site;
let machine: Machine;
let deb: string;

const build = (directory: string, builder = SOMEBODY) => buildPackage('deb', directory, builder);

beforeAll(async () => {
  site = await startSite();
  deb = await build(site.directory);
  // The one dependency that the machine lacks: nothing is downloaded there.
  await execa('apt-get', ['-o', 'APT::Sandbox::User=root', 'download', 'libatomic1'], {
    cwd: site.directory,
  });
  machine = await startSnapMachine(site.directory);
});
afterAll(async () => {
  await machine?.kill();
  await site?.end();
});

const run = (script: string) => machine.run(script, { timeoutMs: 300_000 });

/** Runs what can only succeed. Returns what it printed, without the last newline. */
async function output(script: string): Promise<string> {
  const result = await run(script);
  if (result.exitCode !== 0) throw new Error(`${script}: exit status ${result.exitCode}\n${result.stderr}`);
  return result.stdout.trimEnd();
}

const procVersion = () => output('cat /proc/version');
const status = async () => JSON.parse(await output(`${NAME} status --format json`)).Status[0].Livepatch;
const lastCheck = () => output(`cat ${STATE}/common/last-check`);
const enabled = () => output(`systemctl is-enabled ${UNITS} || true`);
const active = () => output(`systemctl is-active ${UNITS} || true`);
const journal = (unit: string) => output(`journalctl --output=cat --boot --unit=${NAME}${unit}`);
const enable = () => output(`echo ${site.database.addAuthToken()} | ${NAME} enable -`);
const offer = async (version: string) => site.offer(version, (await site.build(version)).archive);

describe('the life of the Debian package', () => {
  it('comes out the same when it is built again, by another person elsewhere', async () => {
    const again = await build(join(site.directory, 'again'), SOMEBODY_ELSE);
    expect((await readFile(again)).equals(await readFile(deb))).toBe(true);
  });

  it('installs, starts its services, and says that the machine is not enabled', async () => {
    const [libatomic] = (await readdir(site.directory)).filter((file) => file.startsWith('libatomic1'));
    await output(`dpkg --install /host${site.directory}/${libatomic} /host${deb}`);
    expect(await enabled()).toBe('enabled\nenabled');
    expect(await active()).toBe('active\nactive');
    expect(await run(`${NAME} status`)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('not enabled'),
    });
  });

  it('enables, and patches the running kernel', async () => {
    await offer('121.1');
    await output(
      `${NAME} config remote-server=https://livepatch.test:${site.server.port} log-level=notice \
       ca-certs="$(cat /host${site.directory}/ca.pem)" signing-certs="$(cat /host${site.signer.certFile})"`,
    );
    expect(await enable()).toMatch(/^Successfully enabled device/);
    expect(await procVersion()).toContain('live-patched, version 121');
  });

  it('leaves its service little to do harm with', async () => {
    // 0 to 100; a service that says nothing has 96. Half of what is left are the two capabilities that patching takes.
    for (const unit of [`${NAME}d.service`, `${NAME}-refresh.service`]) {
      expect(await run(`systemd-analyze security --threshold=35 ${unit}`)).toMatchObject({ exitCode: 0 });
    }
  });

  it('applies the patch again when the machine boots, and leaves the check to the timer', async () => {
    const before = await lastCheck();
    await machine.reboot();
    await output(`${MOUNT_HOST} && systemctl start ${NAME}d.service`);
    expect(await procVersion()).toContain('live-patched, version 121');
    expect(await journal('d.service')).toContain('applied: patch 121.1');
    expect(await lastCheck()).toBe(before);
  });

  it('checks now when its service is restarted', async () => {
    const before = await lastCheck();
    await output(`systemctl restart ${NAME}d.service`);
    expect(await lastCheck()).not.toBe(before);
  });

  it('patches when its timer elapses', async () => {
    await offer('122.1');
    // Without the machine's own minute: when the clock is set, systemd adds that to the next hour, not to this one.
    await output(`mkdir /run/systemd/system/${NAME}-refresh.timer.d
      printf '[Timer]\\nRandomizedDelaySec=0\\nAccuracySec=1s\\n' >/run/systemd/system/${NAME}-refresh.timer.d/exact.conf
      systemctl daemon-reload && systemctl restart ${NAME}-refresh.timer`);
    const next = await output(
      `systemctl show --property=NextElapseUSecRealtime --value ${NAME}-refresh.timer`,
    );
    await output(`date --set "$(date --date '${next} 2 seconds ago')"`);
    await output('until grep -q "version 122" /proc/version; do sleep 1; done');
    await output(`while [ "$(systemctl is-active ${NAME}-refresh.service)" = activating ]; do sleep 1; done`);
    expect(await status()).toMatchObject({ State: 'applied', Version: '122.1' });
    expect(await journal('-refresh.service')).toContain('applied: patch 122.1');
  });

  it('takes nothing of its caller’s environment that is not meant for it', async () => {
    const expected = await run(`${NAME} status --format json`);
    const strange = 'NODE_OPTIONS=--no-such-option SNAP=/tmp SNAP_COMMON=/tmp SNAP_DATA=/tmp SNAP_NAME=code';
    const { exitCode, stderr } = await run(`${strange} ${NAME} status --format json`);
    expect({ exitCode, stderr }).toEqual({ exitCode: expected.exitCode, stderr: expected.stderr });
  });

  it('is upgraded with a patch in use, and does not switch on what was switched off', async () => {
    const before = await status();
    await output(`systemctl disable --now ${NAME}-refresh.timer`);
    await output(`dpkg --install /host${deb}`);
    expect(await status()).toEqual(before);
    expect(await procVersion()).toContain('live-patched, version 122');
    expect(await enabled()).toBe('enabled\ndisabled');
  });

  it('takes its secrets away when it is removed, and leaves the history and the patch', async () => {
    const id = await output('cat /etc/machine-id');
    expect(site.database.machine(id)).toBeDefined();
    await output(`dpkg --remove ${NAME}`);
    expect(site.database.machine(id)).toBeUndefined();
    expect(await output(`find ${STATE} -type f`)).toBe(`${STATE}/data/history/events.log`);
    expect(await procVersion()).toContain('live-patched, version 122');
    expect(await output(`systemctl list-unit-files --no-legend '${NAME}*' || true`)).toBe('');
  });

  it('leaves nothing behind when it is purged', async () => {
    await output(`dpkg --purge ${NAME}`);
    const paths = "-path '*canonical-livepatch*' -not -path '/proc/*' -not -path '/tmp/*'";
    expect(await output(`find / -xdev ${paths}`)).toBe('');
  });
});
