import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { PC, qemuCommand } from '../kernels/hardware.ts';
import type { KernelTree } from './debian-kernel.ts';
import { initramfs } from './initramfs.ts';
import { ovmf } from './uefi.ts';

const CHECKOUT = join(import.meta.dirname, '../..');

/** An emulated machine boots in 6 s on two cores; a busy one takes longer, none takes this long. */
const BOOT_TIME = 300_000;
/** systemd and snapd, on emulated processors that others keep from running: alone they take one minute. */
export const SYSTEMD_BOOT_TIME = 600_000;
const RUN_TIME = 300_000;
const POWER_OFF_TIME = 120_000;

export interface VmOptions {
  kernel: KernelTree;
  /** Further kernel parameters, as in `module.sig_enforce=1`. */
  commandLineExtra?: string;
  /** eth0, with the host's loopback at livepatch.test (10.0.2.2). Default true. */
  network?: boolean;
  /** A raw ext4 image, made when it does not exist, kept across boots, at /persist in the guest. */
  disk?: string;
  /** A variable store of UEFI, as `uefiVariables` makes it: the machine then boots by UEFI, which takes 4 s more. */
  uefi?: string;
  memoryMiB?: number;
}

export interface RunResult {
  stdout: string;
  stderr: string;
  exitCode: number;
}

/** How a machine came to its end. */
type End = 'powered-off' | 'panicked' | 'killed';

/** A running virtual machine. It ends with this process, however that ends. */
export interface Vm {
  /**
   * Runs a shell script in the guest, as root, in the checkout, whose programs come first on PATH. Several may run at
   * a time. Throws when the machine ends before the script does, or after `timeoutMs` (a minute); the message then
   * holds the end of the console.
   */
  run(script: string, options?: { timeoutMs?: number }): Promise<RunResult>;
  /** What the guest's serial console and QEMU have printed so far. */
  console(): string;
  /** Shuts down in good order. */
  powerOff(): Promise<void>;
  /** Pulls the plug: what the guest has not written to its disk is lost. */
  kill(): Promise<void>;
  /** Settles when the machine has ended, and never rejects: this is how a panic is noticed. */
  ended: Promise<End>;
}

/** One that runs systemd and can be looked after from outside. */
export interface Machine extends Vm {
  /** Descriptor 4, for QEMU's monitor where the arguments attach it. */
  monitor: Socket;
  /** Reboots in good order, and waits until the machine is up again. */
  reboot(): Promise<void>;
}

/**
 * Boots the kernel in QEMU, without KVM, on a copy-on-write view of the host's own root, so that the guest runs this
 * very checkout with this very Node; or of a Debian of the kernel's architecture, with the checkout laid into it. All
 * that it writes is lost with it, but for /persist.
 *
 * Files that the host makes after the boot are at /host/<path> in the guest. The guest's /etc/machine-id is always the
 * same.
 */
export async function bootVm(options: VmOptions): Promise<Vm> {
  if (options.disk !== undefined && !existsSync(options.disk)) {
    await execa`mke2fs -q -t ext4 ${options.disk} 256M`;
  }
  const { hardware } = options.kernel;
  const qemu = await qemuArguments(options);
  const vm = await startQemu(qemu, environment(options.kernel), { command: qemuCommand(hardware) });
  try {
    const { exitCode, stderr } = await vm.run(furnish(options));
    if (exitCode !== 0) {
      throw new Error(`The guest could not be furnished: ${stderr}`);
    }
    return vm;
  } catch (error) {
    await vm.kill();
    throw error;
  }
}

async function qemuArguments({
  kernel,
  commandLineExtra = '',
  network = true,
  disk,
  uefi,
  memoryMiB = 1024,
}: VmOptions) {
  const { bus, console, machine, parameters, serial } = kernel.hardware;
  // The kernel hands what it does not know to init, in the environment.
  const userland = kernel.userland === undefined ? '' : `userland=${kernel.userland.root}`;
  // The mitigations guard secrets that a test machine does not have, and cost an emulated processor time.
  const common = `console=${console} ${parameters} quiet panic=-1 mitigations=off`;
  const commandLine = `${common} ${userland} ${commandLineExtra}`;
  const rom = bus === 'pci' ? ',romfile=' : '';
  const host = 'local,id=host,path=/,security_model=none,readonly=on,multidevs=remap';
  return [
    // The processors take turns in one thread: with a thread each, QEMU loses breakpoints that the kernel patches into
    // code which another processor runs. From 6.4 on a live patch patches the scheduler, and three times in four that
    // took Linux 7.3 down ("Oops: int3").
    '-nodefaults -no-user-config -no-reboot -display none -accel tcg,thread=single -smp 2',
    `-m ${memoryMiB} ${[...machine, ...serial].join(' ')}`,
    `-fsdev ${host} -device virtio-9p-${bus},fsdev=host,mount_tag=host`,
    `-chardev socket,id=agent,fd=3 -device virtio-serial-${bus} -device virtserialport,chardev=agent`,
    network ? `-netdev user,id=net,ipv6=off -device virtio-net-${bus},netdev=net${rom}` : '',
  ]
    .flatMap((line) => line.split(' ').filter(Boolean))
    .concat(['-kernel', kernel.image, '-initrd', await initramfs(kernel), '-append', commandLine])
    .concat(disk === undefined ? [] : diskArguments(disk, bus))
    .concat(uefi === undefined ? [] : [...flash(0, ovmf().code), ...flash(1, uefi)]);
}

/** Read-only: a test makes the variables anew, and none of them is to come from an earlier boot. */
function flash(unit: 0 | 1, path: string): string[] {
  return ['-drive', `if=pflash,format=raw,unit=${unit},readonly=on,file=${path.replaceAll(',', ',,')}`];
}

/** Flushes may be skipped: what the guest has written is in this machine's page cache, which outlives QEMU. */
function diskArguments(path: string, bus: string): string[] {
  const file = path.replaceAll(',', ',,');
  return [
    '-drive',
    `if=none,id=disk,format=raw,cache=unsafe,file=${file}`,
    '-device',
    `virtio-blk-${bus},drive=disk`,
  ];
}

/**
 * The script that makes a machine out of what /init left. busybox's shell has all these commands in itself, and so
 * does not read them through the emulated machine's file system.
 */
function furnish({ kernel, network = true, disk }: VmOptions): string {
  // Rounded up: a certificate that was made this very second is already valid in the guest.
  const now = Math.ceil(Date.now() / 1000);
  return `exec /run/busybox sh -eu <<'END'
    date -u -s @${now} >/dev/null
    hostname livepatch-guest
    rm -f /etc/hosts /etc/resolv.conf /etc/machine-id /var/local/canonical_livepatch_mode
    # Whatever this machine's own client, or a test of it, keeps there.
    mkdir -p /var/lib/canonical-livepatch
    mount -t tmpfs -o mode=755 tmpfs /var/lib/canonical-livepatch
    printf '127.0.0.1 localhost livepatch-guest\\n10.0.2.2 livepatch.test\\n' >/etc/hosts
    echo 5c0ffee5c0ffee5c0ffee5c0ffee5c0f >/etc/machine-id
    # Over whatever is there: this machine may have a package of that very kernel.
    mkdir -p /lib/modules/${kernel.release} /persist
    mount -o bind /host${quote(kernel.modules)} /lib/modules/${kernel.release}
    ${kernel.userland === undefined ? '' : layIn(CHECKOUT)}
    ip link set lo up
    if ${network}; then
      ip address add 10.0.2.15/24 dev eth0
      ip link set eth0 up
      ip route add default via 10.0.2.2
    fi
    if ${disk !== undefined}; then
      mount -t ext4 /dev/vda /persist
    fi
END
`;
}

/** Lays a directory of the host's into the guest, copy-on-write. */
function layIn(directory: string): string {
  const [files, work] = ['/run/laid-in/files', '/run/laid-in/work'];
  return `mkdir -p ${quote(directory)} ${files} ${work}
    mount -t overlay -o lowerdir=/host${quote(directory)},upperdir=${files},workdir=${work} overlay ${quote(directory)}`;
}

/**
 * Starts QEMU, whose arguments attach the agent's port to descriptor 3, and waits for the agent.
 * @param prologue what every script in the guest begins with.
 * @param options `resumed`: from a snapshot, in which the agent is running already; `bootTime` in milliseconds;
 *   `command`: the words that start QEMU, for the machine's architecture.
 */
export async function startQemu(
  qemuArgs: string[],
  prologue: string,
  { resumed = false, bootTime = BOOT_TIME, command = qemuCommand(PC) } = {},
): Promise<Machine> {
  // The parent-death signal reaches QEMU even when this process is killed outright.
  const qemu = spawn('setpriv', ['--pdeathsig', 'KILL', ...command, ...qemuArgs], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [qemu.stdout, qemu.stderr]) {
    stream?.setEncoding('utf8').on('data', (text) => {
      printed += text;
    });
  }
  let killed = false;
  const ended = once(qemu, 'close').then((): End => {
    if (killed) return 'killed';
    return printed.includes('Kernel panic') ? 'panicked' : 'powered-off';
  });

  /** Throws when the machine ends or time is up before `event`. */
  async function before<Result>(event: Promise<Result>, what: string, timeoutMs: number): Promise<Result> {
    const { promise: timeUp, resolve } = Promise.withResolvers<string>();
    const timer = setTimeout(resolve, timeoutMs, `did not end within ${timeoutMs} ms`);
    const failure = Promise.race([timeUp, ended]).then((why) => {
      throw new Error(`${what}: ${why}. The console's last lines:\n${printed.slice(-4000)}`);
    });
    return Promise.race([event, failure]).finally(() => clearTimeout(timer));
  }

  const monitor = qemu.stdio[4] as Socket;
  // A machine that ends resets its sockets; that is told by the machine's end.
  for (const socket of [qemu.stdio[3] as Socket, monitor]) socket.on('error', () => {});
  const agent = converse(qemu.stdio[3] as Socket, prologue);
  async function kill(): Promise<void> {
    killed = true;
    qemu.kill('SIGKILL');
    await ended;
  }
  async function powerOff(): Promise<void> {
    void agent.ask('sync; umount /persist; /run/busybox poweroff -f');
    await before(ended, 'power-off', POWER_OFF_TIME);
  }
  try {
    const up: Promise<unknown> = resumed ? agent.ask('true') : agent.hello();
    await before(up, 'boot', bootTime);
  } catch (error) {
    await kill();
    throw error;
  }
  return {
    run: (script, { timeoutMs = RUN_TIME } = {}) => before(agent.ask(script), firstLine(script), timeoutMs),
    console: () => printed,
    powerOff,
    kill,
    ended,
    monitor,
    async reboot() {
      const hello = agent.hello();
      void agent.ask('systemctl reboot');
      await before(hello, 'reboot', SYSTEMD_BOOT_TIME);
    },
  };
}

/** The host's end of guest/agent, which has the protocol. */
function converse(socket: Socket, prologue: string) {
  let greet = () => {};
  const waiting: ((result: RunResult) => void)[] = [];

  createInterface({ input: socket }).on('line', (line) => {
    if (line === 'hello') return greet();
    const [id, status, stdout = '', stderr = ''] = line.split(' ');
    waiting[Number(id)]?.({ exitCode: Number(status), stdout: decode(stdout), stderr: decode(stderr) });
  });

  function ask(script: string): Promise<RunResult> {
    const { promise, resolve } = Promise.withResolvers<RunResult>();
    const id = waiting.push(resolve) - 1;
    socket.write(`${id} ${Buffer.from(prologue + script).toString('base64')}\n`);
    return promise;
  }
  /** Waits for the next time that the agent comes up. */
  function hello(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    greet = resolve;
    return promise;
  }
  return { hello, ask };
}

function environment({ userland }: KernelTree): string {
  const programs = [join(CHECKOUT, 'node_modules/.bin'), '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  const path = [...(userland === undefined ? [] : [userland.node]), ...programs].join(':');
  // Compiling is most of what a start of Node costs under emulation.
  return `
    export NODE_COMPILE_CACHE=/run/node-compile-cache
    export PATH=${quote(path)} HOME=/root LC_ALL=C.UTF-8
    cd ${quote(CHECKOUT)}
  `;
}

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function firstLine(script: string): string {
  return script.trim().split('\n', 1)[0] ?? '';
}
