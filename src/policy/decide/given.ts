import { isInKernel, objectionToGiven } from '../choose.ts';
import type { Action, Situation } from '../loop.ts';
import { conclude } from './conclude.ts';
import { insertion } from './insertion.ts';
import { unloadReplaced } from './removal.ts';

/** Patch files that an administrator names, one after the other. */
export function given(s: Situation): Action {
  const { files } = s.goal as Extract<Situation['goal'], { kind: 'apply' }>;
  const patch = s.run.given.find(({ digest }) => !isInKernel({ digest }, s));
  if (patch !== undefined) {
    if (s.run.failed.includes(patch.digest)) return conclude(s);
    const objection = objectionToGiven(patch, s);
    return objection === undefined ? (insertion(patch, s) ?? conclude(s)) : conclude(s, objection);
  }
  const file = files[s.run.given.length];
  if (file !== undefined) return { do: 'take-in', file };
  return unloadReplaced(s) ?? conclude(s);
}
