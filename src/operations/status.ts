import { messageOf } from '../errors.ts';
import { notEnabled } from '../policy/refusals.ts';
import { type StatusDocument, statusDocument } from '../report/document.ts';
import { EMPTY_STATE } from '../store/state.ts';
import type { State } from '../types.ts';
import type { ReadOnlyContext } from './context.ts';

/**
 * What is known of this machine, without asking anybody. Works for those who are not root; never waits.
 * @param options.showSecrets with the machine token, which only root can read.
 * @param options.showCves with the CVE data, a file of up to a mebibyte, which not every format prints.
 * @param options.showInstalled with the kernels that are installed, for those that print or compare them.
 * @throws LivepatchError `not-enabled`, and with `showSecrets` `storage`
 */
export function status(
  context: ReadOnlyContext,
  { showSecrets = false, showCves = false, showInstalled = false } = {},
): StatusDocument {
  const { kernel, store } = context;
  if (!store.token.exists()) throw notEnabled();
  return statusDocument({
    clientVersion: context.clientVersion,
    machine: kernel.machine(),
    mode: kernel.mode(),
    kernel: kernel.look(kernel.modules()),
    ...recall(context),
    cves: showCves ? store.cves.read() : undefined,
    installedKernels: showInstalled ? kernel.installed() : [],
    machineToken: showSecrets ? store.token.read() : undefined,
    now: context.now(),
  });
}

/** What the kernel says is shown even when the state cannot be read. */
function recall({ store }: ReadOnlyContext): { state: State; stateError: string | undefined } {
  try {
    return { state: store.state.read(), stateError: undefined };
  } catch (error) {
    return { state: EMPTY_STATE, stateError: messageOf(error) };
  }
}
