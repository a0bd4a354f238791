import type { Result } from '../policy/loop.ts';
import type { Context } from './context.ts';
import { run } from './loop.ts';

/**
 * Takes every live patch of ours out of the running kernel, without a reboot. They do not come back by themselves: only
 * a newer version, or `refresh --retry-blocked`, is applied again.
 * @param options.all also what nothing remembered says is ours.
 * @throws LivepatchError `general` when the kernel holds no patch of ours; `transition`, `kernel-refused` when it does
 * not let go of one, saying why.
 */
export async function revert(
  context: Context,
  { all = false } = {},
): Promise<Extract<Result, { kind: 'reverted' }>> {
  return (await run(context, 'revert', { kind: 'revert', all })) as Extract<Result, { kind: 'reverted' }>;
}
