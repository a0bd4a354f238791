import type { Config } from '../../types.ts';
import { isWithdrawn } from '../choose.ts';
import type { Holding } from '../identity.ts';
import { LIFE_CYCLE, standingOf } from '../life-cycle.ts';
import type { Action, Removal, Result, Situation } from '../loop.ts';
import { nothingToRevert } from '../refusals.ts';
import { clearUninserted, fail, heldModules, strangers } from './common.ts';

/** Unloads what the kernel has taken out of use by itself. That it cannot be unloaded yet is no failure. */
export function unloadReplaced(s: Situation): Action | undefined {
  const leftOver = heldModules(s).find(
    ({ live, module, patch }) =>
      patch !== undefined &&
      !live?.enabled &&
      s.state.replaced.some(({ digest }) => digest === patch.digest) &&
      !s.run.stuck.includes(module.name),
  );
  return leftOver && remove(leftOver, 'replaced', s);
}

/** The next step towards a module being gone. */
export function remove({ live, module }: Holding, why: Removal, s: Situation): Action | undefined {
  switch (LIFE_CYCLE[standingOf(live)].gone) {
    case 'disable':
      return { do: 'disable', module: module.name, why };
    case 'wait':
      return { do: 'wait-for-idle' };
    case 'unload':
      return s.run.stuck.includes(module.name) ? undefined : { do: 'unload', module: module.name, why };
    default:
      return undefined;
  }
}

/** Takes out of the kernel what its source has withdrawn, where the configuration asks for that. */
export function takeOutWithdrawn(s: Situation): Action | undefined {
  if (!(s.config as Config).revertWithdrawn || !s.sourceTrusted || !s.mode.apply) return undefined;
  const holding = heldModules(s).find(({ patch }) => patch !== undefined && isWithdrawn(patch, s.state));
  return holding && remove(holding, 'withdrawn', s);
}

/** Everything of ours leaves the kernel: the one in transition first (EBUSY), then the newest. */
export function removal(s: Situation): Action | undefined {
  const all = s.goal.kind === 'revert' && s.goal.all;
  const ours = heldModules(s).filter(
    ({ live, module, patch }) =>
      patch !== undefined || (all && live !== undefined) || s.run.taken.includes(module.name),
  );
  const age = ({ patch }: Holding) => s.state.applied.findIndex(({ digest }) => digest === patch?.digest);
  const order = (one: Holding, other: Holding) =>
    Number(other.live?.inTransition ?? false) - Number(one.live?.inTransition ?? false) ||
    age(other) - age(one);
  for (const holding of ours.toSorted(order)) {
    const action = remove(holding, 'reverted', s);
    if (action !== undefined) return action;
  }
  return clearUninserted(s);
}

export function reverted(s: Situation): Action {
  const [failure] = s.run.failures;
  if (failure !== undefined) return fail(failure.error, s.state.held);
  const { removed, stuck, taken, unloaded } = s.run;
  if (taken.length === 0 && unloaded.length === 0 && stuck.length === 0) {
    return fail(nothingToRevert(strangers(s)), s.state.held);
  }
  const result: Result = {
    kind: 'reverted',
    patches: [...removed],
    notOurs: taken.filter((name) => !removed.some(({ module }) => module === name)),
    unloaded: unloaded.filter((name) => !taken.includes(name)),
    stillLoaded: [...stuck],
  };
  return { do: 'done', result, held: [] };
}

/** Nothing that is broken may keep a machine from being disabled; only a kernel that does not let go does. */
export function decommission(s: Situation): Action {
  const [failure] = s.run.failures.filter(({ action }) => /^(disable |wait-for-idle)/.test(action));
  if (failure !== undefined) return fail(failure.error, s.state.held);
  if (!s.run.erased) return { do: 'erase' };
  if (!s.run.unregistered && s.run.serverNotTold === undefined) return { do: 'unregister' };
  const result: Result = {
    kind: 'disabled',
    wasEnabled: s.enabled,
    stillPatched: heldModules(s).flatMap(({ live, patch }) => (live?.enabled && patch ? patch.version : [])),
    stillLoaded: [...s.run.stuck],
    serverNotTold: s.run.serverNotTold,
  };
  return { do: 'done', result, held: [] };
}
