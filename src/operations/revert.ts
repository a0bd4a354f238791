import { LivepatchError } from '../errors.ts';
import { liftAll, takeOut } from './apply.ts';
import type { Context } from './context.ts';
import { forgetSettled } from './pings.ts';
import { look } from './reach.ts';
import { startRun } from './start-run.ts';

/**
 * Takes the live patch out of the running kernel, without a reboot. It does not come back by itself: only a newer
 * version, or `refresh --retry-blocked`, is applied again.
 * @returns its version.
 * @throws LivepatchError `general` when the kernel holds no patch of ours; `transition`, `kernel-refused` when it does
 * not let go of it, saying why.
 */
export async function revert(context: Context): Promise<string> {
  using run = await startRun(context, 'revert');
  const state = run.store.state.read();
  const { patch } = state;
  if (patch === undefined || ['absent', 'another-vendors'].includes(look(run, patch.module))) {
    throw new LivepatchError('general', 'there is no live patch of ours in the kernel');
  }
  await takeOut(run, patch.module);
  liftAll(run);
  run.store.state.write({ ...state, reverted: patch.version });
  forgetSettled(run, patch.version);
  run.store.events.add({ what: 'reverted', version: patch.version });
  return patch.version;
}
