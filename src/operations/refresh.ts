import type { Occasion, RefreshOptions, RefreshResult } from '../policy/loop.ts';
import type { Context } from './context.ts';
import { run } from './loop.ts';

/**
 * Checks in and applies what is due.
 * @throws LivepatchError `not-enabled`, `busy`, and the first thing that failed; the kernel is then as it was, or a
 * patch with a bug stays in it (`kernel-bug`). At boot, a check-in that fails is no failure.
 */
export async function refresh(
  context: Context,
  { occasion = 'person', ...options }: Partial<RefreshOptions> & { occasion?: Occasion } = {},
): Promise<RefreshResult> {
  // Before anything that could fail: the kill switch must work when everything else is broken.
  const { apply, contact } = context.kernel.mode();
  if (!apply && !contact) return { kind: 'kept', why: 'mode', held: [] };
  const goal = {
    kind: 'refresh',
    occasion,
    retryBlocked: false,
    skipPhase: false,
    dryRun: false,
    ...options,
  } as const;
  return (await run(context, 'refresh', goal)) as RefreshResult;
}
