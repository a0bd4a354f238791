import type { LivePatch } from '../types.ts';

/**
 * The life of a live patch in the kernel, as a table: what to do next, by what is wanted and what the kernel says.
 * Every step is followed by a fresh look, so a step that was interrupted, or that the kernel took differently, is
 * simply found again in another row. Sources: kernel/livepatch/core.c and transition.c.
 */

/** What is wanted of a patch. */
export type Goal = 'applied' | 'gone';

/** Where a patch stands in the kernel. */
export type Standing =
  /** Nothing of it is there. */
  | 'absent'
  /** Its module is loaded, but the kernel no longer holds it as a patch: replaced, or disabled and not yet unloaded. */
  | 'left-over'
  /** Held as a patch, out of use. The kernel takes no 1 for it any more (EINVAL): unload it and insert it again. */
  | 'disabled'
  | 'applying'
  | 'applied'
  | 'unpatching'
  /** It is absent, and another patch is in transition: the kernel allows one at a time (EBUSY). */
  | 'another-in-transition'
  /** It is absent, and somebody else's patch is there, which a cumulative one would silently take out of use. */
  | 'another-vendors';

/** A step towards a goal. `done` and `refuse` end the way. */
export type Step = 'insert' | 'settle' | 'disable' | 'wait' | 'unload' | 'refuse' | 'done';

export const LIFE_CYCLE: Record<Standing, Record<Goal, Step>> = {
  //                          to be applied       to be gone
  absent: /*               */ { applied: 'insert', gone: 'done' },
  'left-over': /*          */ { applied: 'unload', gone: 'unload' },
  disabled: /*             */ { applied: 'unload', gone: 'unload' },
  applying: /*             */ { applied: 'settle', gone: 'disable' },
  applied: /*              */ { applied: 'done', gone: 'disable' },
  unpatching: /*           */ { applied: 'wait', gone: 'wait' },
  'another-in-transition': { applied: 'wait', gone: 'done' },
  'another-vendors': /*    */ { applied: 'refuse', gone: 'done' },
};

/**
 * Where a patch stands.
 * @param module its name.
 * @param livePatches all that the kernel holds.
 * @param isLoaded whether the module is loaded.
 * @param isOurs whether a live patch of that name came from us.
 */
export function standingOf(
  module: string,
  livePatches: readonly LivePatch[],
  isLoaded: boolean,
  isOurs: (name: string) => boolean,
): Standing {
  const itself = livePatches.find(({ name }) => name === module);
  if (itself !== undefined) {
    if (itself.inTransition) return itself.enabled ? 'applying' : 'unpatching';
    return itself.enabled ? 'applied' : 'disabled';
  }
  if (isLoaded) return 'left-over';
  if (livePatches.some(({ inTransition }) => inTransition)) return 'another-in-transition';
  return livePatches.every(({ name }) => isOurs(name)) ? 'absent' : 'another-vendors';
}

/** Whether two build ids may be of the same code; where one is not known, the name has to do. */
export function sameCode(one: string | undefined, other: string | undefined): boolean {
  return one === undefined || other === undefined || one === other;
}

/**
 * Whether two modules belong to one series: the field names a patch after its kernel and its major version,
 * `lkp_Ubuntu_6_8_0_1047_50_aws_121`, so that ours are known even when nothing is remembered.
 */
export function sameSeries(one: string, other: string): boolean {
  const series = (name: string) => name.replace(/_\d+$/, '');
  return series(one) === series(other);
}
