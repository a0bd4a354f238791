import { readFileSync } from 'node:fs';
import { cpus, machine as hardware, release as kernelRelease } from 'node:os';
import { join } from 'node:path';
import { LivepatchError } from '../errors.ts';
import type { Architecture, Machine } from '../types.ts';

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

function machineId(root: string): string {
  const id = readOptional(root, 'etc/machine-id')?.trim();
  if (id === undefined || !/^[0-9a-f]{32}$/.test(id)) {
    throw new LivepatchError('general', '/etc/machine-id does not hold 32 lower-case hex digits', {
      hint: "Run 'sudo systemd-machine-id-setup'.",
    });
  }
  return id;
}

function architecture(): Architecture {
  const name = ARCHITECTURES[hardware()];
  if (name === undefined) {
    throw new LivepatchError('unsupported-kernel', `unsupported kernel: no live patches for ${hardware()}`);
  }
  return name;
}

/** Ubuntu's kernels name themselves in full: `Ubuntu 6.8.0-1047.50-aws 6.8.12`. Others have no such file. */
function kernelVersion(root: string): string | undefined {
  return readOptional(root, 'proc/version_signature')?.split(' ')[1]?.trim();
}

/** The kernel keeps the boot's wall-clock time itself, so that it does not wander with rounding. */
function bootTime(root: string): string {
  const seconds = /^btime (\d+)$/m.exec(read(root, 'proc/stat'))?.[1];
  return new Date(Number(seconds ?? 0) * 1000).toISOString();
}

function read(root: string, path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

function readOptional(root: string, path: string): string | undefined {
  try {
    return read(root, path);
  } catch {
    return undefined;
  }
}
