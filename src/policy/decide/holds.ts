import { LivepatchError } from '../../errors.ts';
import type { Hold, Patch } from '../../types.ts';
import { asksFor, choose, hold, isInKernel, objectionTo } from '../choose.ts';
import type { Situation } from '../loop.ts';
import { modeForbids } from '../refusals.ts';

/** All that is held back now: of what the source has, and of what this kernel had. Newest first. */
export function holdsOf(s: Situation): Hold[] {
  if (s.config instanceof LivepatchError) return [];
  const named = choose(s).held;
  const ours = remembered(s)
    .filter((patch) => !isInKernel(patch, s))
    .flatMap((patch) => objectionTo(patch, s, { ours: true }) ?? []);
  const reverted = s.state.reverted
    .filter(({ kernel }) => kernel === s.machine.kernel)
    .flatMap((patch) => (isInKernel(patch, s) ? [] : (objectionTo(patch, s, { ours: true }) ?? [])));
  const rest = [...ours, ...reverted].filter((one) => !named.some(({ version }) => version === one.version));
  return [...forbidden(s), ...named, ...rest];
}

/** What was proven and would go in, if the kill switch let it. */
function forbidden(s: Situation): Hold[] {
  if (s.mode.apply) return [];
  const { chosen } = choose(s);
  const due = s.run.proven.filter(
    (patch) =>
      !isInKernel(patch, s) &&
      (patch.digest === chosen?.digest || remembered(s).some(({ digest }) => digest === patch.digest)),
  );
  return due.map((patch) => hold(patch, 'mode', modeForbids(s.mode)));
}

/** What this kernel had: a patch that another one displaced comes back only when that one failed. */
export function remembered(s: Situation): Patch[] {
  const { applied, displaced, reverted } = s.state;
  const again = asksFor(s.goal, 'retryBlocked') ? reverted : [];
  const back = displaced !== undefined && !applied.some(({ module }) => module === displaced.module);
  return [...again, ...(back ? [displaced] : []), ...applied].filter(
    ({ kernel }) => kernel === s.machine.kernel,
  );
}
