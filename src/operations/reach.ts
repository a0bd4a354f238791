import { LivepatchError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { type Goal, LIFE_CYCLE, type Standing, sameSeries, standingOf } from '../policy/life-cycle.ts';
import type { Context } from './context.ts';

/**
 * Brings a patch to where it is wanted in the kernel, a step of policy/life-cycle.ts at a time, with a fresh look after
 * each. Wherever an earlier run was interrupted, this goes on.
 * @param insert inserts the module; only needed to have it applied.
 * @throws LivepatchError `kernel-refused`, `transition`
 */
export async function reach(
  context: Context,
  goal: Goal,
  module: string,
  insert?: () => Promise<void>,
): Promise<void> {
  const { kernel } = context;
  for (let steps = 0; steps < LIMITS.kernel.steps; steps += 1) {
    switch (LIFE_CYCLE[look(context, module)][goal]) {
      case 'done':
        return;
      case 'insert':
        context.progress(`inserting ${module}`);
        await insert?.();
        break;
      case 'settle':
        context.progress(`waiting for the transition to ${module}`);
        await kernel.waitForTransition(module);
        break;
      case 'disable':
        context.progress(`taking ${module} out of use`);
        await kernel.disable(module);
        break;
      case 'wait':
        context.progress('waiting for another transition to end');
        await kernel.waitForIdle();
        break;
      case 'unload':
        await kernel.remove(module);
        break;
      case 'refuse':
        throw anotherVendors(context, module);
    }
  }
  throw new LivepatchError('transition', `the kernel does not come to rest with ${module}`, {
    hint: 'Something else loads or removes live patches at the same time.',
  });
}

/** Where a patch stands now. */
export function look({ kernel, store }: Context, module: string): Standing {
  return standingOf(module, kernel.livePatches() ?? [], kernel.isLoaded(module), (name) =>
    isOurs(store, name, module),
  );
}

/** Ours are those that are state, and those of the same series. */
function isOurs(store: Context['store'], name: string, module: string): boolean {
  return name === store.state.read().patch?.module || sameSeries(name, module);
}

function anotherVendors({ kernel, store }: Context, module: string): LivepatchError {
  const others = (kernel.livePatches() ?? [])
    .map(({ name }) => name)
    .filter((name) => !isOurs(store, name, module));
  return new LivepatchError(
    'kernel-refused',
    `a live patch that is not ours is in the kernel: ${others.join(', ')}`,
    {
      hint: 'A cumulative patch would take it out of use without a word. Remove it first, or boot without it.',
    },
  );
}
