import { execa } from 'execa';

/** Whether this is the snap, and not the bundle on its own. */
export const inSnap = process.env.SNAP !== undefined;

/**
 * Asks snapd about our own snap, or tells it something. The program is the base's; its environment is ours, because the
 * cookie that snapd knows us by is in it.
 * @returns how it ended and what it printed.
 */
export async function snapctl(...words: string[]): Promise<{ ok: boolean; stdout: string; stderr: string }> {
  const { exitCode, stdout, stderr, shortMessage } = await execa('/usr/bin/snapctl', words, {
    stdin: 'ignore',
    reject: false,
  });
  return { ok: exitCode === 0, stdout, stderr: stderr || (shortMessage ?? '') };
}
