import { hasErrno, LivepatchError } from '../errors.ts';
import type { NetworkDeps } from './network-deps.ts';

/** A failure that may pass: nobody could be reached, or somebody asks to come back later. */
export interface TransientFailure {
  kind: 'unreachable' | 'busy';
  /** What Retry-After says, milliseconds from now. */
  retryAfter?: number | undefined;
}

/** How far persisting has come. */
export interface RetryState {
  /** Tries that have failed in a row, this one included. */
  failures: number;
  /** Milliseconds since the first of them began. */
  elapsed: number;
}

/**
 * How long to pause before the next try, in milliseconds; undefined for no further try. Pure.
 *
 * Full jitter: the pause is anything from nothing up to a bound that doubles, so that clients that failed together
 * do not come back together. A machine that was just booted tries for longer, since its network may not be up yet.
 */
export function pauseAfter(
  { kind, retryAfter = 0 }: TransientFailure,
  { failures, elapsed }: RetryState,
  { limits, random, uptime }: Pick<NetworkDeps, 'limits' | 'random' | 'uptime'>,
): number | undefined {
  const booting = kind === 'unreachable' && uptime() < limits.bootTime && elapsed < limits.bootPatience;
  if (failures >= limits.attempts && !booting) return undefined;
  // Never retry before Retry-After; if it is too long, leave it to the next run.
  if (retryAfter > limits.retryAfterLongest) return undefined;
  const bound = Math.min(limits.pauseLongest, limits.pauseShortest * 2 ** (failures - 1));
  return Math.round(retryAfter + random() * bound);
}

/** Connections that failed for a reason that may pass. Distrust and nonsense (TLS, HTTP) are no such reasons. */
const PASSING = [
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'EPROXYDOWN',
  'EPROXYNAME',
  'ERR_HTTP_CONTENT_LENGTH_MISMATCH',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ETIMEDOUT',
];

/** Statuses by which a server, or what stands before it, asks to come back later. */
const BUSY = [429, 502, 503, 504];

/** @returns undefined for a failure that trying again would not help. */
export function transientFailureOf(error: unknown, now: Date): TransientFailure | undefined {
  if (!(error instanceof LivepatchError)) return undefined;
  const { cause, refusal } = error;
  if (error.code === 'network' && PASSING.some((code) => hasErrno(cause, code))) {
    return { kind: 'unreachable' };
  }
  if (refusal === undefined || !BUSY.includes(refusal.status)) return undefined;
  return { kind: 'busy', retryAfter: parseRetryAfter(refusal.retryAfter, now) };
}

/** RFC 9110 section 10.2.3: seconds, or a date. @returns undefined for what is neither. */
export function parseRetryAfter(text: string | undefined, now: Date): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  // Only the date format that RFC 9110 section 5.6.7 has senders use; Date.parse alone would take `-1` for a year.
  const isDate = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/.test(text);
  const time = isDate ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : Math.max(time - now.getTime(), 0);
}

/** Pauses and returns when another try is due; otherwise throws the error. */
export async function pauseOrThrow(
  error: unknown,
  persistence: RetryState,
  deps: NetworkDeps,
): Promise<void> {
  const failure = transientFailureOf(error, new Date());
  const pause = failure && pauseAfter(failure, persistence, deps);
  if (pause === undefined) throw error;
  deps.tell(`${(error as Error).message}; trying again in ${Math.ceil(pause / 1000)} s`);
  await deps.pause(pause);
}

/** Tries until it succeeds, or fails for good. */
export async function withRetry<T>(deps: NetworkDeps, attempt: () => Promise<T>): Promise<T> {
  const began = performance.now();
  for (let failures = 1; ; failures += 1) {
    try {
      return await attempt();
    } catch (error) {
      await pauseOrThrow(error, { failures, elapsed: performance.now() - began }, deps);
    }
  }
}
