import { messageOf } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Event } from '../policy/loop.ts';
import { owedNow, type PingChange, pingsOf, settledLater } from '../policy/pings.ts';
import type { Registry } from '../source/source.ts';
import type { Machine, PendingPing, Ping } from '../types.ts';
import type { Context } from './context.ts';

/**
 * Pings: anonymous words to the server about how a patch fares. No patch waits for one or fails with one, and none is
 * tried twice. What is due while no server has been reached is kept for the next run that reaches one.
 */
export interface PingQueue {
  /** The server has just been reached: what is owed and due goes out, in the background and in order. */
  connect(registry: Pick<Registry, 'ping'>): void;
  tell(event: Event, tier: string | undefined): void;
  /** Waits for the last, within `LIMITS.network.pingsTime` and one ping more. */
  close(): Promise<void>;
}

/** @param wanted whether the configuration allows pings; when not, nothing is owed any more. */
export function pingQueue(context: Context, machine: Machine, wanted: boolean): PingQueue {
  const { bootId, kernel } = machine;
  let registry: Pick<Registry, 'ping'> | undefined;
  let posted = Promise.resolve(true);
  let closed: number | undefined;

  /** When one is not taken, the others of this run are not tried either: each could take as long. */
  const send = async (ping: Ping): Promise<boolean> => {
    try {
      if (closed !== undefined && context.monotonic() - closed > LIMITS.network.pingsTime)
        throw new Error('there was no time left');
      await registry?.ping(ping, machine);
      return true;
    } catch (error) {
      context.debug(`ping '${ping.event}' of patch ${ping.version} was not accepted: ${messageOf(error)}`);
      return false;
    }
  };
  const post = (ping: Ping) => {
    posted = posted.then((taken) => taken && send(ping));
  };
  return {
    connect(reached) {
      registry = reached;
      changeOwed(context, (owed) => {
        if (!wanted) return [];
        const { due, later } = owedNow(owed, machine, context.now());
        for (const ping of due) post(ping);
        return later;
      });
    },
    tell(event, tier) {
      if (!wanted) return;
      const { now, ...change } = pingsOf(event, tier);
      const due = now.map((ping): Ping => ({ ...ping, kernel }));
      if (registry !== undefined) for (const ping of due) post(ping);
      const kept = registry === undefined ? due : [];
      if (kept.length === 0 && change.owe === undefined && change.forget === undefined) return;
      const at = context.now();
      changeOwed(context, (owed) => [
        ...owed.filter((one) => stays(one, change, bootId)),
        ...kept.map((ping): PendingPing => ({ ...ping, due: at.toISOString(), bootId })),
        ...(change.owe === undefined ? [] : settledLater({ kernel, version: change.owe, tier }, machine, at)),
      ]);
    },
    async close() {
      closed = context.monotonic();
      await posted;
    },
  };
}

/** Of this boot, one patch at a time is said to have settled, and none that does not stand any more. */
function stays(
  { bootId, event, version }: PendingPing,
  change: Omit<PingChange, 'now'>,
  thisBoot: string,
): boolean {
  if (event !== 'settled' || bootId !== thisBoot) return true;
  if (change.owe !== undefined || change.forget === 'all') return false;
  return change.forget === undefined || change.forget.version !== version;
}

function changeOwed({ debug, store }: Context, change: (owed: PendingPing[]) => PendingPing[]): void {
  try {
    const before = store.pings.read();
    const after = change(before).slice(-LIMITS.operations.owedPings);
    if (before.length > 0 || after.length > 0) store.pings.write(after);
  } catch (error) {
    debug(`pending pings could not be saved: ${messageOf(error)}`);
  }
}
