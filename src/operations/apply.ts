import type { RefreshResult } from '../policy/loop.ts';
import type { Context } from './context.ts';
import { run } from './loop.ts';

/**
 * Applies patch files that an administrator names, by the same proof and the same guards as what a source names; only
 * cutoff-date, patch-delay and phases do not count. Needs neither a source nor an enabled machine.
 * @param files paths; `-` is standard input.
 * @throws LivepatchError the first thing that failed; the kernel is then as it was.
 */
export async function apply(
  context: Context,
  files: readonly string[],
  { dryRun = false } = {},
): Promise<RefreshResult> {
  return (await run(context, 'apply', { kind: 'apply', files, dryRun })) as RefreshResult;
}
