import { setTimeout as sleep } from 'node:timers/promises';
import { LIMITS } from '../limits.ts';
import { run } from '../programs.ts';
import { isInTransition } from './livepatches.ts';
import { openLog } from './log.ts';
import { moduleRefcount } from './modules.ts';
import { insertionRefused, isBusy, removalRefused } from './refusals.ts';
import { isDigestAvailable } from './security.ts';
import { pollUntil } from './wait.ts';

/**
 * Inserts the module that this open descriptor holds. Never with `-f`: the kernel would take it for unsigned.
 * Tries again while another patch is in transition, for the kernel allows one at a time.
 * @param certificate the signer's, as a file in DER, for the hint of a kernel that does not know it.
 * @throws LivepatchError `kernel-refused`
 */
export async function insertModule(root: string, fd: number, certificate?: string): Promise<void> {
  await provideDigest(root);
  for (let attempt = 1; ; attempt += 1) {
    const wasInTransition = isInTransition(root);
    using log = openLog(root);
    // By descriptor, not by path: what was verified is what is loaded.
    const refusal = await kmod(root, 'insmod', `/proc/${process.pid}/fd/${fd}`);
    if (refusal === undefined) return;
    // It may have ended meanwhile.
    const mayPass = isBusy(refusal) && (wasInTransition || isInTransition(root));
    if (!mayPass || attempt === LIMITS.kernel.busyRetries)
      throw insertionRefused(root, refusal, log.read() ?? [], certificate);
    await sleep(LIMITS.kernel.busyPause);
  }
}

/**
 * Sees to it that the kernel knows the digest that patches are signed with, where its part is a module that nothing has
 * loaded: without it a signature counts as none. It looks for it by itself, but not on every distribution finds it.
 */
async function provideDigest(root: string): Promise<void> {
  if (isDigestAvailable(root) !== false) return;
  await run('modprobe', ['--quiet', 'crypto-sha512'], { root, timeout: LIMITS.kernel.commandTime });
}

/**
 * Unloads a module once nothing refers to it.
 * @throws LivepatchError `kernel-refused`
 */
export async function removeModule(root: string, name: string): Promise<void> {
  const free = await pollUntil(() => !moduleRefcount(root, name), LIMITS.kernel.refcountTime);
  if (moduleRefcount(root, name) === undefined) return;
  const refusal = free ? await kmod(root, 'rmmod', name) : `${name} is still in use`;
  if (refusal !== undefined && moduleRefcount(root, name) !== undefined) throw removalRefused(root, refusal);
}

/** @returns what kmod says against it, or undefined when it was done. */
async function kmod(root: string, verb: 'insmod' | 'rmmod', operand: string): Promise<string | undefined> {
  const { ok, stderr } = await run(verb, [operand], { root, timeout: LIMITS.kernel.commandTime });
  return ok ? undefined : stderr || `${verb} failed without an error message`;
}
