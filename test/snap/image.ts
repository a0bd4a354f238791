import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { cacheDirectory, debianKernel } from '../kernel/debian-kernel.ts';
import { initramfs, MODULES } from '../kernel/initramfs.ts';
import { SYSTEMD_BOOT_TIME, startQemu } from '../kernel/vm.ts';

const GUEST = join(import.meta.dirname, 'guest');
const CACHE = join(cacheDirectory, 'snap');

/** What snapd needs of a kernel, besides what the agent does. */
const SNAP_MODULES = [...MODULES, 'loop', 'squashfs', 'autofs4'];

const PACKAGES = 'systemd-sysv,dbus,udev,kmod,snapd,apparmor,squashfs-tools,ca-certificates,unzip';

/** What every script in the guest begins with. */
export const PROLOGUE = `
  export PATH=/snap/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
  cd /root
`;

/** Without them snapd would run the snap's own snapd, wait for a store, and end when it has nothing to do. */
const FILES: Record<string, string> = {
  'etc/environment': 'SNAP_REEXEC=0\nSNAPPY_TESTING=1\nSNAPD_STANDBY_WAIT=99h\n',
  'etc/hosts': '127.0.0.1 localhost livepatch-snap\n10.0.2.2 livepatch.test\n',
  'etc/hostname': 'livepatch-snap\n',
  'etc/machine-id': '5c0ffee5c0ffee5c0ffee5c0ffee5c0f\n',
  // No denial is to be lost.
  'etc/sysctl.d/log.conf': 'kernel.printk_ratelimit=0\n',
};

/** snapd refuses an app whose base and whose snapd snap are not installed; these are as little as it takes. */
const BASE = 'name: core24\nversion: "1"\ntype: base\nsummary: stand-in\ndescription: Debian\n';
const SNAPD =
  'name: snapd\nversion: "1"\ntype: snapd\nsummary: stand-in\ndescription: the Debian package runs\n';

/** The directories that snap-confine mounts something on. */
const MOUNT_POINTS =
  'snap meta writable var/snap var/lib/snapd var/lib/extrausers usr/src usr/lib/snapd lib/modules lib/firmware'.split(
    ' ',
  );

/** Name of the snapshot in the disk. */
export const READY = 'ready';

/** @param disk a copy of the image, which the machine writes to. */
export async function qemuArguments(disk: string): Promise<string[]> {
  const kernel = debianKernel();
  const host = 'local,id=host,path=/,security_model=none,readonly=on,multidevs=remap';
  return [
    '-nodefaults -no-user-config -display none -M q35 -accel tcg,thread=multi -cpu max -smp 2 -m 1536 -serial stdio',
    `-fsdev ${host} -device virtio-9p-pci,fsdev=host,mount_tag=host`,
    '-chardev socket,id=agent,fd=3 -device virtio-serial-pci -device virtserialport,chardev=agent',
    '-chardev socket,id=monitor,fd=4 -mon chardev=monitor',
    '-netdev user,id=net,ipv6=off -device virtio-net-pci,netdev=net,romfile=',
    `-drive if=none,id=disk,format=qcow2,cache=unsafe,file=${disk} -device virtio-blk-pci,drive=disk`,
  ]
    .flatMap((line) => line.split(' '))
    .concat(['-kernel', kernel.image])
    .concat(['-initrd', await initramfs(kernel, join(GUEST, 'init'), SNAP_MODULES)])
    .concat(['-append', 'console=ttyS0 quiet panic=-1 mitigations=off net.ifnames=0 systemd.show_status=0']);
}

/**
 * The disk of a machine with real snapd, in which its running state is saved: Debian with its snapd, a stand-in base and
 * nothing else installed. Made when it is missing or its recipe has changed (some minutes), and kept in the cache.
 * @returns its path; to be copied before use.
 */
export async function image(): Promise<string> {
  const cached = join(CACHE, `${await recipe()}.qcow2`);
  if (existsSync(cached)) return cached;
  await mkdir(CACHE, { recursive: true });
  const work = await mkdtemp(join(CACHE, 'making-'));
  try {
    const disk = await makeDisk(work);
    await makeSnapshot(disk);
    await rename(disk, cached);
    return cached;
  } finally {
    await rm(work, { recursive: true });
  }
}

/** Everything that a disk depends on, but for the state of the Debian archive. */
async function recipe(): Promise<string> {
  const hash = createHash('sha256').update((await qemuArguments('disk')).join(' '));
  for (const file of [import.meta.filename, join(GUEST, 'init'), join(GUEST, 'agent.service')]) {
    hash.update(await readFile(file));
  }
  return hash.digest('hex');
}

async function makeDisk(work: string): Promise<string> {
  const root = join(work, 'root');
  await execa('mmdebstrap', ['--variant=minbase', `--include=${PACKAGES}`, 'bookworm', root]);
  const [base, snapd] = [join(work, 'core24.snap'), join(work, 'snapd.snap')];
  await makeBase(root, base);
  await makeSnapd(root, snapd);
  await execa('mv', [base, snapd, join(root, 'root')]);
  for (const [path, content] of Object.entries(FILES)) {
    await rm(join(root, path), { force: true });
    await writeFile(join(root, path), content);
  }
  await mkdir(join(root, 'lib/modules', debianKernel().release), { recursive: true });
  await copyFile(join(GUEST, 'agent.service'), join(root, 'etc/systemd/system/agent.service'));
  await execa('systemctl', ['--root', root, 'enable', 'agent.service']);
  await execa('systemctl', [
    '--root',
    root,
    'mask',
    'apt-daily.timer',
    'apt-daily-upgrade.timer',
    'getty@tty1.service',
    'serial-getty@ttyS0.service',
  ]);
  const [raw, disk] = [join(work, 'disk.raw'), join(work, 'disk.qcow2')];
  await execa('mke2fs', ['-q', '-t', 'ext4', '-d', root, raw, '2G']);
  await execa('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', raw, disk]);
  return disk;
}

/** The guest's own root without what only a machine needs. */
async function makeBase(root: string, snap: string): Promise<void> {
  const tree = `${snap}.d`;
  await execa('cp', ['-a', '--reflink=auto', root, tree]);
  for (const path of [
    'usr/lib/snapd',
    'var/lib/snapd',
    'var/lib/apt',
    'var/cache',
    'usr/share/doc',
    'usr/share/locale',
  ]) {
    await rm(join(tree, path), { recursive: true, force: true });
  }
  for (const path of MOUNT_POINTS) await mkdir(join(tree, path), { recursive: true });
  await pack(tree, BASE, snap);
}

async function makeSnapd(root: string, snap: string): Promise<void> {
  const tree = `${snap}.d`;
  for (const path of ['usr/lib/snapd/info', 'etc/apparmor.d/usr.lib.snapd.snap-confine.real']) {
    await mkdir(join(tree, path, '..'), { recursive: true });
    await copyFile(join(root, path), join(tree, path));
  }
  await pack(tree, SNAPD, snap);
}

async function pack(tree: string, yaml: string, snap: string): Promise<void> {
  await mkdir(join(tree, 'meta'), { recursive: true });
  await writeFile(join(tree, 'meta/snap.yaml'), yaml);
  await chmod(tree, 0o755);
  await execa('mksquashfs', [
    tree,
    snap,
    '-quiet',
    '-no-progress',
    '-comp',
    'zstd',
    '-Xcompression-level',
    '1',
  ]);
  await rm(tree, { recursive: true });
}

/** Boots the disk, lets snapd settle, installs the stand-ins, and keeps the running machine in the disk. */
async function makeSnapshot(disk: string): Promise<void> {
  const machine = await startQemu(await qemuArguments(disk), PROLOGUE, { bootTime: SYSTEMD_BOOT_TIME });
  try {
    const { exitCode, stderr } = await machine.run(
      `set -e
       snap wait system seed.loaded
       for snap in snapd core24; do snap install --dangerous $snap.snap; rm $snap.snap; done
       sync`,
      { timeoutMs: 300_000 },
    );
    if (exitCode !== 0) throw new Error(`The stand-ins could not be installed: ${stderr}`);
    await tellMonitor(machine.monitor, `savevm ${READY}`);
    machine.monitor.write('quit\n');
    await machine.ended;
  } catch (error) {
    await machine.kill();
    throw new Error(`The machine's snapshot could not be made:\n${machine.console().slice(-4000)}`, {
      cause: error,
    });
  }
}

/** Gives QEMU's monitor a command and waits for the next prompt. */
async function tellMonitor(monitor: Socket, command: string): Promise<void> {
  monitor.setEncoding('utf8').write(`${command}\n`);
  let said = '';
  for await (const text of monitor.iterator({ destroyOnReturn: false })) {
    said += text;
    // One prompt was there before the command.
    if (said.split('(qemu) ').length > 2) break;
  }
  if (/Error/.test(said)) throw new Error(said);
}
