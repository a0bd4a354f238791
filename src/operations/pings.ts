import { LivepatchError, messageOf } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { owedNow, settledLater } from '../policy/pings.ts';
import type { Server } from '../source/server/client.ts';
import type { PendingPing, Ping } from '../types.ts';
import type { Context, Run } from './context.ts';

/**
 * Pings: anonymous words to the server about how a patch fares. No patch waits for one or fails with one, and none is
 * tried twice.
 */

/**
 * Takes pings to the server in the background, in their order. Disposing of it waits for the last, within
 * `LIMITS.network.pingsTime` and one ping more.
 */
interface PingQueue extends AsyncDisposable {
  post(ping: Ping): void;
}

/** When one is not taken, the others of this run are not tried either: each could take as long. */
export function openPingQueue(run: Run, server: Server): PingQueue {
  let posted = Promise.resolve(true);
  let closed: number | undefined;
  const send = async (ping: Ping): Promise<boolean> => {
    try {
      if (closed !== undefined && performance.now() - closed > LIMITS.network.pingsTime)
        throw new Error('there was no time left');
      await server.ping(ping, run.machine);
      return true;
    } catch (error) {
      run.debug(`ping '${ping.event}' of patch ${ping.version} was not taken: ${messageOf(error)}`);
      return false;
    }
  };
  return {
    post(ping) {
      posted = posted.then((taken) => taken && send(ping));
    },
    async [Symbol.asyncDispose]() {
      closed = performance.now();
      await posted;
    },
  };
}

/** Tells how a patch fares: now, when the server has just been reached; else with the next update. */
export function tell(run: Run, ping: Omit<Ping, 'kernel'>): void {
  if (!run.config.pings) return;
  const { bootId, kernel } = run.machine;
  if (run.pingQueue !== undefined) run.pingQueue.post({ ...ping, kernel });
  else changeOwed(run, (owed) => [...owed, { ...ping, kernel, due: run.now().toISOString(), bootId }]);
}

/** Owes the pings of a patch that stands, from now on; those of the patch that it replaces are forgotten. */
export function oweSettled(run: Run, version: string): void {
  if (!run.config.pings) return;
  const { bootId, kernel } = run.machine;
  const forThis = settledLater({ kernel, version }, { bootId }, run.now());
  changeOwed(run, (owed) => [...owed.filter((one) => !isSettled(one, bootId)), ...forThis]);
}

/** The patch does not stand any more: it must not be said to have settled. */
export function forgetSettled(run: Run, version: string): void {
  const { bootId } = run.machine;
  changeOwed(run, (owed) => owed.filter((one) => !(isSettled(one, bootId) && one.version === version)));
}

export function tellError(run: Run, version: string, error: unknown): void {
  forgetSettled(run, version);
  tell(run, { event: 'error', version, code: error instanceof LivepatchError ? error.code : 'general' });
}

/** Tells what is owed and due. When pings are off, nothing is owed any more. */
export function tellOwed(run: Run, pingQueue: PingQueue): void {
  changeOwed(run, (owed) => {
    if (!run.config.pings) return [];
    const { due, later } = owedNow(owed, run.machine, run.now());
    for (const ping of due) pingQueue.post(ping);
    return later;
  });
}

function isSettled({ bootId, event }: PendingPing, thisBoot: string): boolean {
  return event === 'settled' && bootId === thisBoot;
}

function changeOwed({ debug, store }: Context, change: (owed: PendingPing[]) => PendingPing[]): void {
  try {
    const before = store.pings.read();
    const after = change(before).slice(-LIMITS.operations.owedPings);
    if (before.length > 0 || after.length > 0) store.pings.write(after);
  } catch (error) {
    debug(`what is to be told about patches could not be noted: ${messageOf(error)}`);
  }
}
