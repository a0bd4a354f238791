import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno, LivepatchError, messageOf } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { LivePatch } from '../types.ts';
import { describeBlockers, findBlockers } from './blockers.ts';
import { numberOf } from './read.ts';
import { pollUntil } from './wait.ts';

/** Documentation/ABI/testing/sysfs-kernel-livepatch */
const SYSFS = 'sys/kernel/livepatch';

/** @returns every live patch the kernel holds; undefined where there is no list of them. */
export function listLivePatches(root: string): LivePatch[] | undefined {
  try {
    return readdirSync(join(root, SYSFS)).flatMap((name) => readLivePatch(root, name) ?? []);
  } catch {
    return undefined;
  }
}

/** Whether any patch is in transition; the kernel allows one at a time. */
export function isInTransition(root: string): boolean {
  return listLivePatches(root)?.some(({ inTransition }) => inTransition) === true;
}

/** Whether there is a list of live patches, and if not, why. */
export type LivePatching = 'available' | 'forbidden' | 'not-built-in' | 'not-mounted';

export function livePatching(root: string): LivePatching {
  try {
    readdirSync(join(root, SYSFS));
    return 'available';
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) return 'forbidden';
    // The kernel always has /sys/kernel; without CONFIG_LIVEPATCH only its own directory is missing.
    return existsSync(join(root, SYSFS, '..')) ? 'not-built-in' : 'not-mounted';
  }
}

/**
 * Before an insertion: a patch that can be neither watched nor taken out again must not go in. Confinement that lets us
 * see this directory lets us write in it, too.
 * @throws LivepatchError `no-permission`
 */
export function requireControl(root: string): void {
  try {
    readdirSync(join(root, SYSFS));
  } catch (error) {
    throw new LivepatchError('no-permission', `cannot control live patches: ${messageOf(error)}`, {
      hint: "In a snap: 'sudo snap connect canonical-livepatch:sys-kernel-livepatch'. Elsewhere, 'sudo canonical-livepatch doctor' tells why.",
      cause: error,
    });
  }
}

/** @returns undefined when the patch is not there, or vanishes while we look: a replaced one does so at any time. */
function readLivePatch(root: string, name: string): LivePatch | undefined {
  const file = (attribute: string) => readFileSync(join(root, SYSFS, name, attribute), 'utf8').trim() === '1';
  try {
    const patch = { name, enabled: file('enabled'), inTransition: file('transition') };
    const replace = numberOf(join(root, SYSFS, name, 'replace'));
    return replace === undefined ? patch : { ...patch, cumulative: replace === 1 };
  } catch {
    return undefined;
  }
}

/** A function that a patch replaces, and the module that it is in; `vmlinux` is the kernel itself. */
export interface ReplacedFunction {
  object: string;
  name: string;
}

/** The functions of `<patch>/<object>/<function>,<position>` directories. */
export function replacedFunctions(root: string, patch: string): ReplacedFunction[] {
  const inside = (...path: string[]) =>
    readdirSync(join(root, SYSFS, patch, ...path), { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? entry.name : [],
    );
  try {
    return inside().flatMap((object) =>
      inside(object).map((entry) => ({ object, name: entry.replace(/,\d+$/, '') })),
    );
  } catch {
    return [];
  }
}

/**
 * Waits for the end of a transition: insmod returns at its beginning. The kernel retries stragglers once a second
 * and signals them every 15 s by itself (kernel/livepatch/transition.c), so there is nothing to do but wait.
 * @throws LivepatchError `transition`
 */
export async function waitForTransition(root: string, name: string): Promise<void> {
  const over = await pollUntil(() => !readLivePatch(root, name)?.inTransition, LIMITS.kernel.transitionTime);
  if (!over) throw stalled(root, `the transition to ${name} did not finish`, 1);
  if (!readLivePatch(root, name)?.enabled) {
    throw new LivepatchError('transition', `the kernel did not keep ${name} enabled`, {
      hint: "See 'sudo dmesg' for lines that begin with 'livepatch:'.",
    });
  }
}

/**
 * Waits until no patch is in transition.
 * @throws LivepatchError `transition`
 */
export async function waitForIdle(root: string): Promise<void> {
  if (await pollUntil(() => !isInTransition(root), LIMITS.kernel.transitionTime)) return;
  throw new LivepatchError('transition', `another live patch was in transition for ${seconds()} s`, {
    hint: 'See /sys/kernel/livepatch/*/transition; try again later.',
  });
}

/**
 * Writes 0 to `enabled` and waits for the patch's whole directory to vanish: only then has every task left the
 * patched code. Written during a transition, it turns that transition back. Never `force`: a forced patch can
 * never be unloaded, and its correctness is gone.
 * @throws LivepatchError `transition`, `kernel-refused`
 */
export async function disableLivePatch(root: string, name: string): Promise<void> {
  if (readLivePatch(root, name)?.enabled) {
    try {
      writeFileSync(join(root, SYSFS, name, 'enabled'), '0');
    } catch (error) {
      throw new LivepatchError(
        'kernel-refused',
        `the kernel refuses to disable ${name}: ${messageOf(error)}`,
        { hint: whyNotDisabled(error), cause: error },
      );
    }
  }
  const gone = await pollUntil(() => readLivePatch(root, name) === undefined, LIMITS.kernel.transitionTime);
  if (!gone) throw stalled(root, `${name} was not out of use`, 0);
}

/** kernel/livepatch/core.c, enabled_store; what else can fail is the file system. */
function whyNotDisabled(error: unknown): string {
  if (hasErrno(error, 'EBUSY')) return 'Another live patch is in transition; try again when it is done.';
  if (hasErrno(error, 'EROFS')) return '/sys is mounted read-only, as in a container: run it on the host.';
  return "See 'sudo dmesg' for lines that begin with 'livepatch:'.";
}

/** The transition goes to 1 while patching, to 0 while unpatching. */
function stalled(root: string, what: string, target: 0 | 1): LivepatchError {
  const blockers = findBlockers(root, target);
  const tasks = blockers.length === 0 ? 'a task' : describeBlockers(blockers);
  return new LivepatchError('transition', `${what} within ${seconds()} s: held up by ${tasks}`, {
    hint: 'A task must leave the functions that are to be patched; stop it, or try again later.',
  });
}

function seconds(): number {
  return LIMITS.kernel.transitionTime / 1000;
}
