import { messageOf } from '../errors.ts';
import { sameCode } from '../policy/life-cycle.ts';
import { type StatusDocument, statusDocument } from '../report/document.ts';
import type { Remembered } from '../types.ts';
import { notEnabled } from './not-enabled.ts';
import type { QuickWorld } from './context.ts';

/**
 * What is known of this machine, without asking anybody. Works for those who are not root; never waits.
 * @param options.showSecrets with the machine token, which only root can read.
 * @param options.showCves with the CVE data; who does not print it need not read a file of up to a mebibyte.
 * @throws LivepatchError `not-enabled`, and with `showSecrets` `storage`
 */
export function status(world: QuickWorld, { showSecrets = false, showCves = true } = {}): StatusDocument {
  const { kernel, store } = world;
  if (!store.token.exists()) throw notEnabled();
  const { recordError, remembered } = recall(world);
  return statusDocument({
    clientVersion: world.clientVersion,
    machine: kernel.machine(),
    livePatches: kernel.livePatches() ?? [],
    remembered,
    others: othersThan(remembered.patch?.module, world),
    recordError,
    cves: showCves ? store.cves.read() : undefined,
    installedKernels: showCves ? kernel.installed() : [],
    machineToken: showSecrets ? store.token.read() : undefined,
    now: world.now(),
  });
}

/** What the kernel says is worth showing even when nothing can be remembered. */
function recall({ kernel, store }: QuickWorld): { remembered: Remembered; recordError: string | undefined } {
  try {
    const remembered = store.record.read();
    const { patch } = remembered;
    // Of another version under the same name, which a run that was killed left there, nothing is known.
    const isOther = patch !== undefined && !sameCode(kernel.buildId(patch.module), patch.buildId);
    return { remembered: isOther ? { ...remembered, patch: undefined } : remembered, recordError: undefined };
  } catch (error) {
    return { remembered: {}, recordError: messageOf(error) };
  }
}

/** Live patches besides ours, and the modules of such as patch nothing any more. */
function othersThan(module: string | undefined, { kernel }: QuickWorld): string[] {
  const patching = kernel.livePatches()?.some(({ name }) => name === module);
  return kernel.modules().filter((name) => name !== module || !patching);
}
