import type { PendingPing, Ping } from '../types.ts';

const MINUTE = 60_000;
/** When a patch that stands is told of once more. */
const LATER = [1, 5, 15] as const;

/** The pings about a patch that are due later, counted from `now`. */
export function settledLater(
  patch: Pick<Ping, 'kernel' | 'version'>,
  { bootId }: Pick<PendingPing, 'bootId'>,
  now: Date,
): PendingPing[] {
  return LATER.map((minutes) => ({
    ...{ event: 'settled', version: patch.version, kernel: patch.kernel, minutes },
    due: new Date(now.getTime() + minutes * MINUTE).toISOString(),
    bootId,
  }));
}

/**
 * What is to be told now, and what stays owed. There is no daemon: what was due long ago goes out late. What an
 * earlier boot owes for a patch can no longer be told; that it was an earlier boot, is. Errors stay errors.
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
    if (bootId !== thisBoot && ping.event !== 'error') addOnce(due, rebooted(ping));
    else if (bootId !== thisBoot || Date.parse(time) <= now.getTime()) due.push(ping);
    else later.push(one);
  }
  return { due, later };
}

function rebooted({ kernel, version }: Ping): Ping {
  return { event: 'rebooted', version, kernel };
}

function addOnce(pings: Ping[], { event, kernel, version }: Ping): void {
  const isThere = pings.some(
    (one) => one.event === event && one.kernel === kernel && one.version === version,
  );
  if (!isThere) pings.push({ event, version, kernel });
}
