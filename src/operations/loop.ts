import { LivepatchError, messageOf } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { decide } from '../policy/decide.ts';
import { type Action, type Event, type Goal, keyOf, type Result, type Situation } from '../policy/loop.ts';
import type { Secret } from '../secret.ts';
import { act } from './act.ts';
import type { Context } from './context.ts';
import { observe } from './observe.ts';
import { openSession, type Session } from './session.ts';
import { withoutSecrets } from './without-secrets.ts';

/**
 * Every command that may touch the kernel: observe → decide → act → record, until the decision is final. A kill between
 * any two steps is nothing special: the next run observes, and goes on.
 * @param who the command, for another run that meets the lock.
 * @throws LivepatchError the first thing that failed; `no-permission`, `busy`, `storage`.
 */
export async function run(
  context: Context,
  who: string,
  goal: Goal,
  authToken?: Secret | undefined,
): Promise<Result> {
  if (!(goal.kind === 'disable' && !goal.unpatch)) await context.kernel.requirePlugs();
  using _lock = context.store.runLock(who, context.warn);
  await using session = openSession(context, goal, authToken);
  try {
    return await loop(session);
  } catch (error) {
    // What cannot be written down now must not hide what went wrong first.
    const [failure] = session.memory().run.failures;
    if (failure === undefined || !(error instanceof LivepatchError) || error === failure.error) throw error;
    context.progress(messageOf(error));
    throw failure.error;
  }
}

async function loop(session: Session): Promise<Result> {
  const progress = progressGuard();
  for (let steps = 0; steps < LIMITS.operations.steps; steps += 1) {
    const situation = observe(session);
    const action = decide(situation);
    progress(action, situation);
    if (action.do === 'done' || action.do === 'fail') return conclude(session, action);
    session.record(await attempt(session, situation, action));
  }
  throw new LivepatchError('general', `no end after ${LIMITS.operations.steps} steps`, {
    hint: 'Something else loads or removes live patches at the same time.',
  });
}

const DEFECT = "This should not happen: please report it, with what 'sudo canonical-livepatch doctor' says.";

/** The same decision twice, with nothing changed in between, would never end. */
function progressGuard(): (action: Action, situation: Situation) => void {
  const seen = new Map<string, string>();
  return (action, { kernel, payloads, pending, run, state }) => {
    const key = keyOf(action);
    const { failures, ...rest } = run;
    const before = seen.get(key);
    const now = JSON.stringify([
      kernel,
      payloads,
      pending,
      rest,
      failures.length,
      state.applied,
      state.replaced,
    ]);
    if (before === now) throw new LivepatchError('general', `no progress: ${key}`, { hint: DEFECT });
    seen.set(key, now);
  };
}

/** What failed in a way that was foreseen is an event, too; what is a defect of ours is not. */
async function attempt(
  session: Session,
  situation: Situation,
  action: Exclude<Action, { do: 'done' | 'fail' }>,
): Promise<Event> {
  try {
    return withoutSecrets(await act(session, situation, action), session);
  } catch (error) {
    if (!(error instanceof LivepatchError)) throw error;
    const failed = { kind: 'failed', action: keyOf(action), patch: patchOf(action), error } as const;
    return withoutSecrets(failed, session);
  }
}

function patchOf(action: Action): { version: string; digest: string } | undefined {
  if ('patch' in action) return action.patch;
  if ('candidate' in action) return action.candidate;
  return 'expected' in action ? action.expected : undefined;
}

function conclude(session: Session, action: Extract<Action, { do: 'done' | 'fail' }>): Result {
  const failure =
    action.do === 'fail' && action.patch ? { patch: action.patch, error: action.error } : undefined;
  session.record({ kind: 'concluded', held: action.held, failure });
  session.prune();
  if (action.do === 'fail') throw action.error;
  if (session.unwritten !== undefined) throw session.unwritten;
  return action.result;
}
