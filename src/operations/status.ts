import { type StatusDocument, statusDocument } from '../report/document.ts';
import { notEnabled } from './not-enabled.ts';
import type { World } from './world.ts';

/**
 * What is known of this machine, without asking anybody. Works for those who are not root; never waits.
 * @param options.showSecrets with the machine token, which only root can read.
 * @throws LivepatchError `not-enabled`, `storage`
 */
export function status(world: World, options: { showSecrets?: boolean } = {}): StatusDocument {
  const { kernel, store } = world;
  if (!store.token.exists()) throw notEnabled();
  return statusDocument({
    clientVersion: world.clientVersion,
    machine: kernel.machine(),
    livePatches: kernel.livePatches() ?? [],
    remembered: store.record.read(),
    cves: store.cves.read(),
    installedKernels: kernel.installed(),
    machineToken: options.showSecrets ? store.token.read() : undefined,
    now: world.now(),
  });
}
