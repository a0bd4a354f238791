import { LIMITS } from '../limits.ts';
import { snapFrom } from './environment.ts';

/** Whether this is our snap, and not the bundle on its own. */
export const inSnap = snapFrom(process.env) !== undefined;

/**
 * Asks snapd about our own snap, or tells it something. The program is the base's; its environment is ours, because the
 * cookie that snapd knows us by is in it.
 * @returns how it ended and what it printed.
 */
export async function snapctl(...words: string[]): Promise<{ ok: boolean; stdout: string; stderr: string }> {
  const { execa } = await import('execa');
  const { exitCode, stdout, stderr, shortMessage } = await execa('/usr/bin/snapctl', words, {
    stdin: 'ignore',
    reject: false,
    timeout: LIMITS.kernel.commandTime,
  });
  return { ok: exitCode === 0, stdout, stderr: stderr || (shortMessage ?? '') };
}
