import { LivepatchError } from '../errors.ts';
import type { Action, Event, Situation } from '../policy/loop.ts';
import { fetch, prove, takeIn } from './act/file.ts';
import {
  disable,
  enabledNames,
  insert,
  unload,
  waitForIdle,
  waitForTransition,
  watch,
} from './act/kernel.ts';
import { checkIn, fetchCves, register, support, unregister } from './act/source.ts';
import { beginInsertion, erase } from './act/store.ts';
import type { Session } from './session.ts';

/**
 * Does the one thing that was decided.
 * @returns what came of it, failures that the next decision has to know among them.
 * @throws LivepatchError any other failure.
 */
export async function act(
  session: Session,
  situation: Situation,
  action: Exclude<Action, { do: 'done' | 'fail' }>,
): Promise<Event> {
  switch (action.do) {
    case 'ask-support':
      return await support(session);
    case 'register':
      return await register(session);
    case 'check-in':
      return await checkIn(session, situation);
    case 'fetch':
      return await fetch(session, action);
    case 'prove':
      return await prove(session, situation, action);
    case 'take-in':
      return await takeIn(session, situation, action);
    case 'adopt':
      return { kind: 'adopted', patch: action.patch, live: enabledNames(situation.kernel) };
    case 'begin-insertion':
      return beginInsertion(session, situation, action);
    case 'insert':
      return await insert(session, action);
    case 'wait-for-transition':
      return await waitForTransition(session, situation, action);
    case 'wait-for-idle':
      return await waitForIdle(session);
    case 'watch':
      return await watch(session, action);
    case 'clear-pending':
      return { kind: 'pending-cleared', pending: action.pending };
    case 'disable':
      return await disable(session, action);
    case 'unload':
      return await unload(session, action);
    case 'fetch-cves':
      return await fetchCves(session, situation);
    case 'erase':
      return erase(session, situation);
    case 'unregister':
      return await unregister(session, situation);
  }
}

/** An action of one kind. */
export type The<Kind extends Action['do']> = Extract<Action, { do: Kind }>;

/** The configuration, which every action that needs it was decided to have. */
export function configOf({ config }: Pick<Session, 'config'>) {
  if (config instanceof LivepatchError) throw config;
  return config;
}
