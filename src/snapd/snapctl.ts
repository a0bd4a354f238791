import { LIMITS } from '../limits.ts';
import { run } from '../programs.ts';
import { snapFrom } from './environment.ts';

/** Whether this is our snap, and not the bundle on its own. */
export const inSnap = snapFrom(process.env) !== undefined;

/** What snapd gave us to be known by, and nothing else of our environment. */
const IDENTITY = ['SNAP_COOKIE', 'SNAP_CONTEXT', 'SNAP_NAME', 'SNAP_INSTANCE_NAME', 'SNAP_REVISION'];

/**
 * Asks snapd about our own snap, or tells it something. The program is the base's.
 * @returns how it ended and what it printed.
 */
export async function snapctl(...words: string[]): Promise<{ ok: boolean; stdout: string; stderr: string }> {
  return run('/usr/bin/snapctl', words, { timeout: LIMITS.kernel.commandTime, keep: IDENTITY });
}
