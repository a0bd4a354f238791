import type { LivePatch } from '../types.ts';

/**
 * The life of a live patch in the kernel, as a table: the next step, by what is wanted and what the kernel says. Every
 * step is followed by a fresh look, so that a step which was interrupted, or which the kernel took differently, is found
 * again in another row. Sources: kernel/livepatch/core.c and transition.c.
 */

/** Where a module stands in the kernel. */
export type Standing =
  | 'absent'
  /** Loaded, but the kernel no longer holds it as a patch: replaced, or disabled and not yet unloaded. */
  | 'left-over'
  /** Held as a patch, out of use. The kernel takes no 1 for it any more (EINVAL): unload it and insert it again. */
  | 'disabled'
  | 'applying'
  | 'applied'
  | 'unpatching';

/** A step towards a module being applied or gone. */
export type Step = 'insert' | 'wait' | 'disable' | 'unload' | 'done';

export const LIFE_CYCLE: Record<Standing, { applied: Step; gone: Step }> = {
  absent: /*     */ { applied: 'insert', gone: 'done' },
  'left-over': /**/ { applied: 'unload', gone: 'unload' },
  disabled: /*   */ { applied: 'unload', gone: 'unload' },
  applying: /*   */ { applied: 'wait', gone: 'disable' },
  applied: /*    */ { applied: 'done', gone: 'disable' },
  unpatching: /* */ { applied: 'wait', gone: 'wait' },
};

/** Where a module stands that is loaded. @param live undefined when the kernel does not hold it as a patch. */
export function standingOf(live: LivePatch | undefined): Standing {
  if (live === undefined) return 'left-over';
  if (live.inTransition) return live.enabled ? 'applying' : 'unpatching';
  return live.enabled ? 'applied' : 'disabled';
}
