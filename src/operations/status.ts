import { messageOf } from '../errors.ts';
import { sameCode } from '../policy/life-cycle.ts';
import { type StatusDocument, statusDocument } from '../report/document.ts';
import type { State } from '../types.ts';
import type { ReadOnlyContext } from './context.ts';
import { notEnabled } from './not-enabled.ts';

/**
 * What is known of this machine, without asking anybody. Works for those who are not root; never waits.
 * @param options.showSecrets with the machine token, which only root can read.
 * @param options.showCves with the CVE data; who does not print it need not read a file of up to a mebibyte.
 * @throws LivepatchError `not-enabled`, and with `showSecrets` `storage`
 */
export function status(
  context: ReadOnlyContext,
  { showSecrets = false, showCves = true } = {},
): StatusDocument {
  const { kernel, store } = context;
  if (!store.token.exists()) throw notEnabled();
  const { stateError, state } = recall(context);
  return statusDocument({
    clientVersion: context.clientVersion,
    machine: kernel.machine(),
    livePatches: kernel.livePatches() ?? [],
    state,
    others: othersThan(state.patch?.module, context),
    stateError,
    cves: showCves ? store.cves.read() : undefined,
    installedKernels: showCves ? kernel.installed() : [],
    machineToken: showSecrets ? store.token.read() : undefined,
    now: context.now(),
  });
}

/** What the kernel says is worth showing even when nothing can be state. */
function recall({ kernel, store }: ReadOnlyContext): { state: State; stateError: string | undefined } {
  try {
    const state = store.state.read();
    const { patch } = state;
    // Of another version under the same name, which a run that was killed left there, nothing is known.
    const isOther = patch !== undefined && !sameCode(kernel.buildId(patch.module), patch.buildId);
    return { state: isOther ? { ...state, patch: undefined } : state, stateError: undefined };
  } catch (error) {
    return { state: {}, stateError: messageOf(error) };
  }
}

/** Live patches besides ours, and the modules of such as patch nothing any more. */
function othersThan(module: string | undefined, { kernel }: ReadOnlyContext): string[] {
  const patching = kernel.livePatches()?.some(({ name }) => name === module);
  return kernel.modules().filter((name) => name !== module || !patching);
}
