import { LivepatchError } from '../../errors.ts';
import type { Event, Situation } from '../../policy/loop.ts';
import type { PendingInsertion } from '../../types.ts';
import type { The } from '../act.ts';
import type { Session } from '../session.ts';

/** What will be on disk before the kernel is touched. An earlier try that the machine went down with is kept in it. */
export function beginInsertion(
  { context, machine }: Session,
  { pending }: Situation,
  { attempt, patch }: The<'begin-insertion'>,
): Event {
  const before = pending.find(
    (one) => one.patch.module === patch.module && one.patch.version === patch.version,
  );
  return {
    kind: 'insertion-begun',
    pending: {
      patch,
      bootId: machine.bootId,
      at: context.now().toISOString(),
      attempt,
      earlier: before && earlierOf(before, machine.bootId),
    },
  };
}

function earlierOf(
  { at, attempt, bootId, earlier, trace }: PendingInsertion,
  thisBoot: string,
): PendingInsertion['earlier'] {
  return bootId === thisBoot && trace === undefined ? earlier : { bootId, at, attempt, trace };
}

/** Removes all that makes the machine an enabled one. What cannot be removed must not keep the rest. */
export function erase({ context }: Session, { enabled }: Situation): Event {
  const { store } = context;
  const failures: unknown[] = [];
  for (const step of [
    () => store.token.remove(),
    () => store.payloads.keepOnly(new Set()),
    () => store.cves.remove(),
    () => store.pings.write([]),
  ]) {
    try {
      step();
    } catch (error) {
      failures.push(error);
    }
  }
  // Only a token that is still there keeps the machine enabled.
  if (store.token.exists()) throw failures[0] as Error;
  for (const failure of failures) if (failure instanceof LivepatchError) context.progress(failure.message);
  return { kind: 'erased', wasEnabled: enabled };
}
