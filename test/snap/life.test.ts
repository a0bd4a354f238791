import { X509Certificate } from 'node:crypto';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PLUGS } from '../../src/snapd/plugs.ts';
import { type Site, startSite } from '../kernel/site.ts';
import type { Machine } from '../kernel/vm.ts';
import { buildPackage, SOMEBODY, SOMEBODY_ELSE } from '../package/build.ts';
import { MOUNT_HOST, startSnapMachine } from './machine.ts';

const NAME = 'canonical-livepatch';
/** The name by which others know it. */
const SERVICE = `snap.${NAME}.canonical-livepatchd.service`;
const TIMER = `snap.${NAME}.refresh.timer`;
/** snapd connects `network` by itself. */
const TO_CONNECT = PLUGS.filter((plug) => plug !== 'network');

/** The emulated machine takes so long to compile a snap's AppArmor profiles, and some. */
const SNAPD_TIME = 300_000;

let site: Site;
let machine: Machine;
let snap: string;

/** Builds the snap with the site's signer pinned, and returns its path. */
function pack(directory: string, builder = SOMEBODY): Promise<string> {
  const certificates = { LIVEPATCH_CERTIFICATES: join(site.directory, 'certificates') };
  return buildPackage('snap', directory, builder, certificates);
}

beforeAll(async () => {
  site = await startSite();
  const keys = join(site.directory, 'certificates/keys');
  await mkdir(keys, { recursive: true });
  await copyFile(site.signer.certFile, join(keys, 'signer.pem'));
  snap = await pack(site.directory);
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
const lastCheck = () => output(`cat /var/snap/${NAME}/common/last-check`);
const revision = () => output(`readlink /snap/${NAME}/current`);
const enable = () => output(`echo ${site.database.addAuthToken()} | ${NAME} enable -`);
const offer = async (version: string) => site.offer(version, (await site.build(version)).archive);

/** Boots again, and waits until the boot service is done. */
async function reboot(): Promise<void> {
  await machine.reboot();
  await output(`${MOUNT_HOST} && systemctl start ${SERVICE}`);
}

/** What confinement has denied to the snap so far, without what varies from run to run. */
async function denials(): Promise<string[]> {
  const log = await output(
    'journalctl --sync; journalctl --quiet --no-pager --output=cat _TRANSPORT=audit _TRANSPORT=kernel',
  );
  const denied = log.split('\n').flatMap((line) => {
    const [, operation, app, path] =
      /apparmor="DENIED" operation="(\w+)" profile="snap\.[^.]+\.(\S+)" name="(\S+)"/.exec(line) ?? [];
    const [, number] = /type=1326 .* subj=snap\..* syscall=(\d+)/.exec(line) ?? [];
    if (number !== undefined) return `syscall ${number}`;
    if (path === undefined) return [];
    if (path.startsWith('/sys/fs/cgroup/')) return `${operation} /sys/fs/cgroup/*/${basename(path)}`;
    return `${app}: ${operation} ${path}`;
  });
  return [...new Set(denied)].sort();
}

/** Those who insert patches. */
const INSERTERS = [NAME, `${NAME}d`, 'refresh'];

const EXPLAINED = [
  // Whether the kernel has the digest of signatures at hand, and the mark that it bears of a fault. No plug has them;
  // what the kernel answers, and what it logs, tell without.
  ...INSERTERS.flatMap((app) => [`${app}: open /proc/crypto`, `${app}: open /proc/sys/kernel/tainted`]),
  // The file that it was told to verify, to see what it says then.
  `${NAME}: open /root/module.ko`,
  // Asked for before the plug was connected.
  `${NAME}: open /var/lib/snapd/hostfs/var/lib/dpkg/status`,
  // The removal of a snap that was never connected: there is nothing to see.
  'hook.remove: open /sys/kernel/livepatch/',
  // The rest is Node's start, and none of it matters to us.
  // libuv looks whether its cgroup bounds its memory, and takes the machine's instead.
  'open /sys/fs/cgroup/*/memory.high',
  'open /sys/fs/cgroup/*/memory.max',
  // io_uring_setup: libuv asks for it to save calls of epoll_ctl, and does without.
  'syscall 425',
];

const MISSING = /sudo snap connect canonical-livepatch:(\S+)'/g;

describe('the life of the snap', () => {
  it('comes out the same when it is built again, by another person elsewhere', async () => {
    const again = await pack(join(site.directory, 'again'), SOMEBODY_ELSE);
    expect((await readFile(again)).equals(await readFile(snap))).toBe(true);
  });

  it('installs, and says what is to be connected before anything is done', async () => {
    await output(`snap install --dangerous /host${snap}`);
    for (const words of ['status', 'enable 0123456789']) {
      const { exitCode, stdout, stderr } = await client(words);
      expect({ words, exitCode, stdout }).toEqual({ words, exitCode: 77, stdout: '' });
      expect([...stderr.matchAll(MISSING)].map(([, plug]) => plug)).toEqual(TO_CONNECT);
    }
    for (const plug of TO_CONNECT) await output(`snap connect ${NAME}:${plug}`);
    expect(await client('status')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('not enabled'),
    });
  });

  it('takes and shows its configuration through snap set and snap get, all or none', async () => {
    const before = await settings();
    expect(before).toMatchObject({ 'dial-timeout': '12s', 'check-interval': '60' });
    expect(await run(`snap set ${NAME} dial-timeout=20s check-interval=5`)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('check-interval: must be 0, or a whole number of minutes, at least 60'),
    });
    expect(await settings()).toEqual(before);

    await output(
      `snap set ${NAME} remote-server=https://livepatch.test:${site.server.port} check-interval=90 log-level=notice \
       ca-certs="$(cat /host${site.directory}/ca.pem)"`,
    );
    await succeed('config dial-timeout=30s');
    expect(await settings()).toMatchObject({ 'dial-timeout': '30s', 'check-interval': '90' });
    await output(`snap unset ${NAME} check-interval`);
    expect(await succeed('config')).toMatch(/dial-timeout: 30s\ncheck-interval: 60\n/);
  });

  it('enables, and patches the running kernel from inside its confinement', async () => {
    await offer('121.1');
    expect(await procVersion()).not.toContain('live-patched');
    expect(await enable()).toMatch(/^Successfully enabled device/);
    expect(await procVersion()).toContain('live-patched, version 121');
    expect(await status()).toMatchObject({ State: 'applied', Version: '121.1' });
  });

  it('names the kernels of the package database once it may read it, and those that have modules before', async () => {
    const installed = async () =>
      JSON.parse(await succeed('status --format json'))['Fixed-CVEs']['Installed-Kernels'];
    const release = await output('uname -r');
    await output(`for kernel in ${release} 99.0.0-1-amd64; do
      printf 'Package: linux-image-%s\nStatus: install ok installed\n\n' $kernel; done >>/var/lib/dpkg/status
      mkdir -p /lib/modules/98.0.0 && touch /lib/modules/98.0.0/modules.order`);
    expect(await installed()).toEqual(['98.0.0']);
    await output(`snap connect ${NAME}:dpkg-status`);
    expect(await installed()).toEqual([release, '99.0.0-1-amd64']);
  });

  it('tells everybody its status, and keeps everything else to root', async () => {
    await output('useradd --create-home person');
    const seen = await output(`su person -c '/snap/bin/${NAME} status --format json'`);
    expect(JSON.parse(seen).Status[0].Livepatch).toEqual(await status());
    const files = await output(`cd /var/snap/${NAME} && find common x1 -printf '%M %u %p\\n' | sort -k 3`);
    expect(files.replace(/[0-9a-f]{64}/, '<sha256>').split('\n')).toEqual([
      'drwxr-xr-x root common',
      'drwx------ root common/catalogue',
      '-rw------- root common/config',
      '-rw------- root common/last-check',
      'drwx------ root common/locks',
      'drwx------ root common/logs',
      '-rw------- root common/logs/security.log',
      '-rw------- root common/machine-token',
      'drwx------ root common/patches',
      '-rw------- root common/patches/<sha256>',
      '-rw------- root common/run-lock',
      '-rw------- root common/service-boot-id',
      '-rw------- root common/snap-settings',
      'drwxr-xr-x root x1',
      'drwx------ root x1/history',
      '-rw------- root x1/history/events.log',
      '-rw------- root x1/pings.json',
      '-rw-r--r-- root x1/state.json',
    ]);
  });

  it('leaves no core, neither in a file nor for a collector', async () => {
    const limit = await output(`mkfifo /tmp/answer
      ${NAME} config dial-timeout=@stdin </tmp/answer &
      exec 3>/tmp/answer
      until [ -n "$process" ]; do
        for one in /proc/[0-9]*; do
          if tr '\\0' ' ' <$one/cmdline 2>&1 | grep -q '^[^ ]*/node [^ ]*canonical-livepatch.js config'; then process=$one; fi
        done
      done
      grep 'Max core file size' $process/limits
      echo 30s >&3
      exec 3>&-
      wait`);
    expect(limit).toMatch(/^Max core file size +1 +1 +bytes/);
  });

  it('says what to do about a file that it cannot see', async () => {
    expect(await run(`cd /root && touch module.ko && ${NAME} verify module.ko`)).toMatchObject({
      exitCode: 65,
      stdout: expect.stringContaining(`copy it to /var/snap/${NAME}/common and give its whole path`),
    });
    await output(`rm /root/module.ko`);
  });

  it('carries its manual and completes its words', async () => {
    expect(await output(`ls /snap/${NAME}/current/man`)).toContain(`${NAME}-enable.1`);
    expect(await output(`cat /snap/${NAME}/current/meta/snap.yaml`)).toContain('completer: completion/');
    expect(await output(`test -e /snap/${NAME}/current/completion/${NAME}.bash && echo there`)).toBe('there');
  });

  it('carries the pinned certificates in the form that mokutil takes, too', async () => {
    const pem = await readFile(site.signer.certFile);
    expect(await output(`base64 --wrap=0 /snap/${NAME}/current/keys/signer.der`)).toBe(
      new X509Certificate(pem).raw.toString('base64'),
    );
  });

  it('carries a bill of materials', async () => {
    const bill = JSON.parse(await output(`cat /snap/${NAME}/current/sbom.cdx.json`));
    expect(bill).toMatchObject({ bomFormat: 'CycloneDX', metadata: { component: { name: NAME } } });
    expect(bill.components.map(({ name }: { name: string }) => name)).toEqual(
      expect.arrayContaining(['got', 'node', 'yaml']),
    );
  });

  it('is not told to Node how to run by its caller', async () => {
    expect(await client('--version')).toEqual(
      await run(`NODE_OPTIONS=--version NODE_DEBUG=module ${NAME} --version`),
    );
  });

  it('applies the patch again when the machine boots, and leaves the check to the timer', async () => {
    const before = await lastCheck();
    await reboot();
    expect(await procVersion()).toContain('live-patched, version 121');
    expect(await output(`journalctl --output=cat --boot --unit=${SERVICE}`)).toContain(
      'applied: patch 121.1',
    );
    expect(await lastCheck()).toBe(before);
  });

  it.each([`snap restart ${NAME}`, `systemctl restart ${SERVICE}`])('checks now on %s', async (restart) => {
    const before = await lastCheck();
    await output(restart);
    expect(await lastCheck()).not.toBe(before);
  });

  it('stays off after snap stop --disable until it is started again', async () => {
    const active = () => output(`systemctl is-active ${SERVICE} ${TIMER} || true`);
    expect(await active()).toBe('active\nactive');
    await output(`snap stop --disable ${NAME}`);
    expect(await active()).toBe('inactive\ninactive');
    // snapd does not disable the timer, so that it is there again after a boot; then a check would be due.
    const before = await lastCheck();
    await output(`date --set '+3 hours' && systemctl start snap.${NAME}.refresh.service`);
    expect(await lastCheck()).toBe(before);
    await output(`date --set '-3 hours' && snap start --enable ${NAME}`);
    expect(await active()).toBe('active\nactive');
    expect(await lastCheck()).not.toBe(before);
  });

  it('keeps what it knows when it is refreshed to the next revision', async () => {
    const before = await status();
    await output(`snap install --dangerous /host${snap}`);
    expect(await revision()).toBe('x2');
    expect(await status()).toEqual(before);
    expect(await procVersion()).toContain('live-patched, version 121');
  });

  it('checks by itself when its timer elapses', async () => {
    await offer('122.1');
    const next = await output(`systemctl show --property=NextElapseUSecRealtime --value ${TIMER}`);
    await output(`date --set "$(date --date '${next} 2 seconds ago')"`);
    await output('until grep -q "version 122" /proc/version; do sleep 1; done');
    await output(`while systemctl is-active --quiet snap.${NAME}.refresh; do sleep 1; done`);
    expect(await status()).toMatchObject({ State: 'applied', Version: '122.1' });
  });

  it('goes on with a machine that a newer revision has patched when it is reverted', async () => {
    await output(`snap revert ${NAME}`);
    expect(await revision()).toBe('x1');
    await succeed('refresh');
    expect(await status()).toMatchObject({ State: 'applied', Version: '122.1' });
  });

  it.each(TO_CONNECT)('does nothing without %s', async (plug) => {
    const before = await procVersion();
    await output(`snap disconnect ${NAME}:${plug}`);
    expect(await client('refresh')).toMatchObject({
      exitCode: 77,
      stderr: expect.stringContaining(`sudo snap connect ${NAME}:${plug}`),
    });
    await output(`snap connect ${NAME}:${plug}`);
    expect(await procVersion()).toBe(before);
  });

  it('is told to stop, and leaves the patch in the kernel', async () => {
    expect(await client('disable')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('Successfully disabled device'),
      stderr: expect.stringContaining('patch 122.1 stays in the kernel until the next boot'),
    });
    expect(await procVersion()).toContain('live-patched, version 122');
  });

  it('takes its secrets away when it is removed, also from the snapshot that snapd keeps', async () => {
    await enable();
    const id = await output('cat /etc/machine-id');
    expect(site.database.machine(id)).toBeDefined();

    await output(`snap remove ${NAME}`);
    expect(site.database.machine(id)).toBeUndefined();
    const kept = await output(
      'cd /tmp && unzip -q /var/lib/snapd/snapshots/*.zip archive.tgz && tar -tzf archive.tgz | grep -v /$ | sort',
    );
    // When what was applied: an auditor of the machine has nothing else.
    expect(kept).toMatch(/^x\d\/history\/events\.log$/);
    expect(await output('tar -xzOf /tmp/archive.tgz')).not.toMatch(/[0-9a-f]{32}|https?:/);
    expect(await procVersion()).toContain('live-patched, version 122');
  });

  it('leaves no file behind when it is purged', async () => {
    const snapshots = await output('ls /var/lib/snapd/snapshots');
    await output(`snap install --dangerous /host${snap} && snap remove --purge ${NAME}`);
    // What snapd notes for itself in /var/lib/snapd is not ours.
    expect(
      await output(
        `find / -xdev -type f -path '*${NAME}*' -not -path '/proc/*' -not -path '/var/lib/snapd/*'`,
      ),
    ).toBe('');
    // The one of the removal before.
    expect(await output('ls /var/lib/snapd/snapshots')).toBe(snapshots);
    // Which is forgotten as the documentation says.
    await output(`snap forget "$(snap saved | awk '$2 == "${NAME}" { print $1 }')"`);
    expect(await output('ls /var/lib/snapd/snapshots')).toBe('');
  });

  it('was denied nothing in all of this that is not explained', async () => {
    expect(await denials()).toEqual(EXPLAINED.toSorted());
  });
});
