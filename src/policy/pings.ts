import type { ErrorCode } from '../errors.ts';
import type { PendingPing, Ping } from '../types.ts';
import type { Event } from './loop.ts';

const MINUTE = 60_000;
/** When a patch that stands is told of once more. */
const LATER = [1, 5, 15] as const;

/** What an event means for the pings. */
export interface PingChange {
  /** Due at once. */
  now: Omit<Ping, 'kernel'>[];
  /** The version that is to be told of again later; what was owed of another one before it is forgotten. */
  owe?: string | undefined;
  /** The version that must no longer be said to have settled, or every one. */
  forget?: { version: string } | 'all' | undefined;
}

/** What an event says of a patch's health. Pure. @param tier of the machine, as the source last said. */
export function pingsOf(event: Event, tier: string | undefined): PingChange {
  switch (event.kind) {
    case 'insertion-begun': {
      const { version } = event.pending.patch;
      // Owed before it, too, so that a machine that goes down with it has something to tell.
      return { now: [{ event: 'before', version, tier }], owe: version };
    }
    case 'inserted': {
      const { version } = event.patch;
      return {
        now: [
          { event: 'after', version, tier },
          { event: 'transition', version, tier },
        ],
      };
    }
    case 'transition-finished': {
      const { version } = event.patch;
      const transitionSeconds = event.seconds;
      return { now: [{ event: 'settled', version, tier, minutes: 0, transitionSeconds }], owe: version };
    }
    case 'refused':
    case 'failed': {
      const patch = event.kind === 'refused' ? event.expected : event.patch;
      return patch === undefined ? { now: [] } : failure(patch.version, event.error.code, tier);
    }
    case 'insertion-refused':
    case 'transition-failed':
    case 'bug-found':
      return failure(event.patch.version, event.error.code, tier);
    case 'concluded':
      return event.failure === undefined
        ? { now: [] }
        : failure(event.failure.patch.version, event.failure.error.code, tier);
    case 'disabled':
      return event.why === 'reverted' || event.why === 'withdrawn' ? { now: [], forget: 'all' } : { now: [] };
    default:
      return { now: [] };
  }
}

function failure(version: string, code: ErrorCode, tier: string | undefined): PingChange {
  return { now: [{ event: 'error', version, tier, code }], forget: { version } };
}

/** The pings about a patch that are due later, counted from `now`. */
export function settledLater(
  patch: Pick<Ping, 'kernel' | 'version' | 'tier'>,
  { bootId }: Pick<PendingPing, 'bootId'>,
  now: Date,
): PendingPing[] {
  return LATER.map((minutes) => ({
    ...{ event: 'settled', version: patch.version, kernel: patch.kernel, tier: patch.tier, minutes },
    due: new Date(now.getTime() + minutes * MINUTE).toISOString(),
    bootId,
  }));
}

/**
 * What is to be told now, and what stays owed. There is no daemon: what was due long ago goes out late. What an
 * earlier boot owes can no longer be told; that the machine was rebooted instead is told, of each kind. Errors stay
 * errors.
 */
export function owedNow(
  owed: readonly PendingPing[],
  { bootId: thisBoot }: Pick<PendingPing, 'bootId'>,
  now: Date,
): { due: Ping[]; later: PendingPing[] } {
  const due: Ping[] = [];
  const later: PendingPing[] = [];
  for (const one of owed) {
    const { bootId, due: time, ...ping } = one;
    if (bootId !== thisBoot) due.push(rebooted(ping));
    else if (Date.parse(time) <= now.getTime()) due.push(ping);
    else later.push(one);
  }
  return { due, later };
}

function rebooted(ping: Ping): Ping {
  const { event: of, ...rest } = ping;
  return of === 'error' || of === 'rebooted' ? ping : { ...rest, event: 'rebooted', of };
}
