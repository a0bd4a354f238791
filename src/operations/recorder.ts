import { LivepatchError, messageOf } from '../errors.ts';
import { auditOf } from '../policy/audit.ts';
import { type Event, keyOf } from '../policy/loop.ts';
import { type Memory, record } from '../policy/record.ts';
import type { Session } from './session.ts';

/**
 * Writes down what an event has changed: pending insertions first, since what comes next may end the machine, then the
 * state, then what is over. History, security log and pings follow from the same event.
 *
 * A disk that takes nothing must not leave a half-inserted patch in the kernel: the run goes on with what it has in
 * memory, tries to write again with the next event, and fails at the end. Only an insertion is not begun without its
 * pending insertion on disk.
 * @returns the memory to go on with.
 */
export function persist(session: Session, before: Memory, event: Event, after: Memory): Memory {
  const { context, machine } = session;
  const { store } = context;
  if (event.kind === 'registered') store.token.write(event.token);
  try {
    for (const one of after.pending) if (!before.pending.includes(one)) store.pending.write(one);
  } catch (error) {
    if (!(error instanceof LivepatchError)) throw error;
    if (event.kind === 'insertion-begun') {
      const { attempt, patch } = event.pending;
      const action = keyOf({ do: 'begin-insertion', patch, attempt });
      const failed: Event = { kind: 'failed', action, patch, error };
      return persist(session, before, failed, record(before, failed, { machine, now: context.now() }));
    }
    session.unwritten = error;
  }
  if (session.unwritten !== undefined || after.state !== before.state) {
    session.unwritten = attempt(() => store.state.write(after.state));
  }
  const isKept = (module: string, version: string) =>
    after.pending.some(({ patch }) => patch.module === module && patch.version === version);
  for (const one of before.pending) {
    if (isKept(one.patch.module, one.patch.version)) continue;
    session.unwritten = attempt(() => store.pending.clear(one)) ?? session.unwritten;
  }
  for (const entry of auditOf(event, before, session.machine)) store.events.add(entry);
  session.pings.tell(event, after.state.advice?.tier);
  return after;
}

function attempt(write: () => void): LivepatchError | undefined {
  try {
    write();
    return undefined;
  } catch (error) {
    if (error instanceof LivepatchError) return error;
    throw new LivepatchError('general', messageOf(error), { cause: error });
  }
}
