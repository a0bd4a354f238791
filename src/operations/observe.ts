import { LivepatchError } from '../errors.ts';
import type { Situation } from '../policy/loop.ts';
import type { Session } from './session.ts';

/** One immutable picture of all that a decision rests on: one look at the kernel, one at the patch files. */
export function observe(session: Session): Situation {
  const { config, context, goal, machine, mode, token } = session;
  const { pending, run, state } = session.memory();
  const ours = [...state.applied, ...state.replaced, ...pending.map(({ patch }) => patch), ...run.proven];
  return {
    goal,
    machine,
    mode,
    config,
    source: isCatalogue(session) ? 'catalogue' : 'server',
    sourceTrusted:
      !(config instanceof LivepatchError) &&
      (isCatalogue(session) || config.remoteServer.protocol === 'https:'),
    enabled: token !== undefined,
    tokenError: token instanceof LivepatchError ? token : undefined,
    kernel: context.kernel.look([...new Set([...ours.map(({ module }) => module), ...run.taken])]),
    state,
    pending,
    payloads: context.store.payloads.all(),
    run,
    now: context.now(),
  };
}

function isCatalogue({ config, context }: Session): boolean {
  return (
    !(config instanceof LivepatchError) &&
    (config.catalogueRoot !== '' || context.store.shippedRoot() !== undefined)
  );
}
