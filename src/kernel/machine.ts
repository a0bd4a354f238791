import { readFileSync } from 'node:fs';
import { cpus, machine as hardware, release as kernelRelease } from 'node:os';
import { join } from 'node:path';
import { LivepatchError } from '../errors.ts';
import type { Architecture, Machine } from '../types.ts';
import { textOf } from './read.ts';

/** `uname -m` to Debian's names. */
const ARCHITECTURES: Record<string, Architecture> = { x86_64: 'amd64', aarch64: 'arm64', s390x: 's390x' };

/**
 * Who this machine is and what it runs.
 * @throws LivepatchError `unsupported-kernel`, or `general` when /etc/machine-id is missing or malformed.
 */
export function readMachine(root: string): Machine {
  const release = kernelRelease();
  const uptimeSeconds = Math.floor(Number(read(root, 'proc/uptime').split(' ', 1)[0]));
  return {
    id: machineId(root),
    architecture: architecture(),
    cpuModel: cpus()[0]?.model.trim() ?? '',
    release,
    kernel: kernelVersion(root) ?? release,
    bootId: read(root, 'proc/sys/kernel/random/boot_id').trim(),
    bootTime: bootTime(root),
    uptimeSeconds,
  };
}

/** machine-id(5) */
function machineId(root: string): string {
  const id = textOf(join(root, 'etc/machine-id'));
  if (id !== undefined && /^[0-9a-f]{32}$/.test(id) && !/^0+$/.test(id)) return id;
  const [found, hint] = whatIsWrong(id);
  throw new LivepatchError('general', `/etc/machine-id ${found}: this machine cannot be told from others`, {
    hint,
  });
}

function whatIsWrong(id: string | undefined): [found: string, hint: string] {
  switch (id) {
    case undefined:
      return ['cannot be read', "Run 'sudo systemd-machine-id-setup' if it is missing."];
    case '':
      return ['is empty', "Run 'sudo systemd-machine-id-setup'."];
    case 'uninitialized':
      // systemd sets it up at the end of its first start, and leaves it where it cannot write; its own tool leaves the
      // word as it is.
      return [
        'says "uninitialized"',
        "If the machine is not starting up just now, run 'sudo rm /etc/machine-id' and 'sudo systemd-machine-id-setup'.",
      ];
    default:
      return [
        'does not hold 32 lower-case hex digits',
        "Move it away and run 'sudo systemd-machine-id-setup'; the machine has another id from then on.",
      ];
  }
}

function architecture(): Architecture {
  const name = ARCHITECTURES[hardware()];
  if (name === undefined) {
    throw new LivepatchError('unsupported-kernel', `unsupported kernel: no live patches for ${hardware()}`);
  }
  return name;
}

/**
 * Ubuntu's kernels name themselves in full, `Ubuntu 6.8.0-1047.50-aws 6.8.12`; others have no such file. What looks
 * otherwise is none of them: its name would be sent to a server and be part of names of files.
 */
function kernelVersion(root: string): string | undefined {
  const signature = textOf(join(root, 'proc/version_signature'));
  return /^Ubuntu (\d[\w.+~-]{1,63}) \d+\.\d+(?:\.\d+)*(?:[-+]\S+)?$/.exec(signature ?? '')?.[1];
}

/** The kernel keeps the boot's wall-clock time itself, so that it does not wander with rounding. */
function bootTime(root: string): string {
  const seconds = /^btime (\d+)$/m.exec(read(root, 'proc/stat'))?.[1];
  return new Date(Number(seconds ?? 0) * 1000).toISOString();
}

function read(root: string, path: string): string {
  return readFileSync(join(root, path), 'utf8');
}
