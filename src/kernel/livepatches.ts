import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LivepatchError, messageOf } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { LivePatch } from '../types.ts';
import { becomes } from './wait.ts';

/** Documentation/ABI/testing/sysfs-kernel-livepatch */
const SYSFS = 'sys/kernel/livepatch';

/** @returns every live patch the kernel holds; undefined when it was built without CONFIG_LIVEPATCH. */
export function listLivePatches(root: string): LivePatch[] | undefined {
  const directory = join(root, SYSFS);
  if (!existsSync(directory)) return undefined;
  return readdirSync(directory).flatMap((name) => readLivePatch(root, name) ?? []);
}

/** @returns undefined when the patch is not there, or vanishes while we look: a replaced one does so at any time. */
function readLivePatch(root: string, name: string): LivePatch | undefined {
  const file = (attribute: string) => readFileSync(join(root, SYSFS, name, attribute), 'utf8').trim() === '1';
  try {
    return { name, enabled: file('enabled'), inTransition: file('transition') };
  } catch {
    return undefined;
  }
}

/**
 * Waits for the end of a transition: insmod returns at its beginning. The kernel retries stragglers once a second
 * and signals them every 15 s by itself (kernel/livepatch/transition.c), so there is nothing to do but wait.
 * @throws LivepatchError `transition`
 */
export async function settle(root: string, name: string): Promise<void> {
  const over = await becomes(() => !readLivePatch(root, name)?.inTransition, LIMITS.kernel.transitionTime);
  if (!over) {
    throw new LivepatchError('transition', `the transition to ${name} did not finish in ${seconds()} s`, {
      hint: 'A task stays inside a function that is to be patched; see /proc/*/patch_state and /proc/*/stack.',
    });
  }
  if (!readLivePatch(root, name)?.enabled) {
    throw new LivepatchError('transition', `the kernel did not keep ${name} enabled`, {
      hint: "See 'sudo dmesg' for lines that begin with 'livepatch:'.",
    });
  }
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
        {
          cause: error,
        },
      );
    }
  }
  const gone = await becomes(() => readLivePatch(root, name) === undefined, LIMITS.kernel.transitionTime);
  if (!gone) {
    throw new LivepatchError('transition', `${name} was not out of use after ${seconds()} s`, {
      hint: 'A task stays inside a patched function; try again later, or reboot.',
    });
  }
}

function seconds(): number {
  return LIMITS.kernel.transitionTime / 1000;
}
