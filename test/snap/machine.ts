import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Machine, startQemu } from '../kernel/vm.ts';
import { image, PROLOGUE, qemuArguments, READY } from './image.ts';

/**
 * Starts a machine with real snapd, as it was when its image was made. What happens to it is lost with it. Files of this
 * machine are at /host/<path>.
 * @param directory takes its disk.
 */
export async function startSnapMachine(directory: string): Promise<Machine> {
  const disk = join(directory, 'disk.qcow2');
  await copyFile(await image(), disk);
  const machine = await startQemu([...(await qemuArguments(disk)), '-loadvm', READY], PROLOGUE, {
    resumed: true,
  });
  try {
    // Rounded up: a certificate that was made this very second is already valid in the guest.
    const now = Math.ceil(Date.now() / 1000);
    const { exitCode, stderr } = await machine.run(
      `date -u -s @${now} && /run/busybox hwclock -u -w && ${MOUNT_HOST}`,
    );
    if (exitCode !== 0) throw new Error(`The guest could not be furnished: ${stderr}`);
    return machine;
  } catch (error) {
    await machine.kill();
    throw error;
  }
}

/** Not in the snapshot, because a mounted 9p cannot be saved; to be done again after a reboot. */
export const MOUNT_HOST =
  'mkdir -p /host && mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose host /host';
