import { type StatusDocument, statusDocument } from '../report/document.ts';
import { notEnabled } from './not-enabled.ts';
import type { QuickWorld } from './world.ts';

/**
 * What is known of this machine, without asking anybody. Works for those who are not root; never waits.
 * @throws LivepatchError `not-enabled`, `storage`
 */
export function status(world: QuickWorld): StatusDocument {
  const { kernel, store } = world;
  if (!store.token.exists()) throw notEnabled();
  return statusDocument({
    clientVersion: world.clientVersion,
    machine: kernel.machine(),
    livePatches: kernel.livePatches() ?? [],
    remembered: store.record.read(),
    now: world.now(),
  });
}
