import type { Candidate, Patch } from '../../types.ts';
import { attemptAt } from '../choose.ts';
import { isUnsettled } from '../crash-guard.ts';
import type { Action, Situation } from '../loop.ts';
import { foreignPatches } from '../refusals.ts';
import { fail, heldModules, strangers } from './common.ts';
import { holdsOf } from './holds.ts';
import { remove } from './removal.ts';

/** From a name to the kernel: fetch, prove, insert. @returns undefined when nothing more can be done for it. */
export function obtain(patch: Candidate | Patch, s: Situation): Action | undefined {
  if (s.run.failed.includes(patch.digest)) return undefined;
  const proven = s.run.proven.find(({ digest }) => digest === patch.digest);
  if (proven !== undefined) return insertion(proven, s);
  if (s.payloads.includes(patch.sha256)) return { do: 'prove', sha256: patch.sha256, expected: patch };
  return 'size' in patch ? { do: 'fetch', candidate: patch } : undefined;
}

/** From a proven file into the kernel. */
export function insertion(patch: Patch, s: Situation): Action | undefined {
  if (!s.mode.apply) return undefined;
  if (s.kernel.livePatches?.some(({ inTransition }) => inTransition)) return { do: 'wait-for-idle' };
  const foreign = strangers(s).filter(({ module }) => module.name !== patch.module);
  if (foreign.length > 0) return fail(foreignPatches(foreign), holdsOf(s), patch);
  if (s.run.begun !== patch.digest) {
    return { do: 'begin-insertion', patch, attempt: attemptAt(patch, s) };
  }
  // This run has given up, and cleared the record that would tell the next boot which patch took the machine down.
  if (!s.pending.some((one) => one.patch.digest === patch.digest && isUnsettled(one, s.machine)))
    return undefined;
  const inTheWay = heldModules(s).find(({ module }) => module.name === patch.module);
  return (inTheWay && remove(inTheWay, 'in-the-way', s)) ?? { do: 'insert', patch };
}
