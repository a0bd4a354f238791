import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LivepatchError } from '../../src/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { NETWORK_DEPS } from '../../src/source/network-deps.ts';
import { parseRetryAfter, pauseAfter, transientFailureOf, withRetry } from '../../src/source/retry.ts';

const limits = LIMITS.network;
const LONG_UP = 3600_000;
const NOW = new Date('2026-11-22T12:00:00Z');

describe('the pause before another try', () => {
  const unreachable = { kind: 'unreachable' } as const;
  const busy = (retryAfter?: number) => ({ kind: 'busy', retryAfter }) as const;

  it.each([
    ['the first', unreachable, { failures: 1, elapsed: 0 }, LONG_UP, 500],
    ['the second doubles', unreachable, { failures: 2, elapsed: 0 }, LONG_UP, 1000],
    ['the third doubles again', unreachable, { failures: 3, elapsed: 0 }, LONG_UP, 2000],
    ['there is no fifth try', unreachable, { failures: 4, elapsed: 0 }, LONG_UP, undefined],
    ['busy', busy(), { failures: 1, elapsed: 0 }, LONG_UP, 500],
    ['no fifth try when busy', busy(), { failures: 4, elapsed: 0 }, LONG_UP, undefined],
    ['Retry-After comes on top', busy(3000), { failures: 1, elapsed: 0 }, LONG_UP, 3500],
    ['Retry-After of the longest', busy(60_000), { failures: 1, elapsed: 0 }, LONG_UP, 60_500],
    [
      'Retry-After of more is left to the timer',
      busy(60_001),
      { failures: 1, elapsed: 0 },
      LONG_UP,
      undefined,
    ],
    ['while booting, for longer', unreachable, { failures: 4, elapsed: 30_000 }, 20_000, 4000],
    ['while booting, up to the longest', unreachable, { failures: 9, elapsed: 60_000 }, 20_000, 5000],
    ['while booting, not for ever', unreachable, { failures: 20, elapsed: 90_000 }, 20_000, undefined],
    [
      'while booting, but few tries would be enough',
      unreachable,
      { failures: 3, elapsed: 200_000 },
      20_000,
      2000,
    ],
    ['no patience with the busy while booting', busy(), { failures: 4, elapsed: 0 }, 20_000, undefined],
  ])('%s', (_what, setback, persistence, uptime, expected) => {
    const deps = { limits, random: () => 0.5, uptime: () => uptime };
    expect(pauseAfter(setback, persistence, deps)).toBe(expected);
  });

  it('is anything from nothing up to its bound: full jitter', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (failures, random) => {
          const deps = { limits, random: () => random, uptime: () => 0 };
          const pause = pauseAfter(unreachable, { failures, elapsed: 0 }, deps) as number;
          const bound = Math.min(limits.pauseLongest, limits.pauseShortest * 2 ** (failures - 1));
          expect(pause).toBe(Math.round(random * bound));
        },
      ),
    );
  });
});

describe('a failure', () => {
  const network = (code: string) =>
    new LivepatchError('network', '', { cause: Object.assign(new Error(), { code }) });
  const refused = (status: number, retryAfter?: string) =>
    new LivepatchError('server-refused', '', { refusal: { status, retryAfter, denied: false } });

  it.each(['ECONNRESET', 'ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT', 'ENETUNREACH', 'EPROXYDOWN'])(
    'of the network may pass: %s',
    (code) => expect(transientFailureOf(network(code), NOW)).toEqual({ kind: 'unreachable' }),
  );

  it.each([429, 502, 503, 504])('of a busy server may pass: %i', (status) =>
    expect(transientFailureOf(refused(status, '7'), NOW)).toEqual({ kind: 'busy', retryAfter: 7000 }),
  );

  it.each<[string, unknown]>([
    ['distrust', network('CERT_HAS_EXPIRED')],
    ['an unknown CA', network('UNABLE_TO_GET_ISSUER_CERT_LOCALLY')],
    ['another host', network('ERR_TLS_CERT_ALTNAME_INVALID')],
    ['no TLS', network('EPROTO')],
    ['the password of a proxy', network('EPROXYAUTH')],
    ["a proxy's no", network('EPROXY')],
    ...[302, 304, 400, 401, 403, 404, 410, 500, 501].map(
      (status) => [`${status}`, refused(status)] satisfies [string, unknown],
    ),
    ['nonsense', new LivepatchError('bad-answer', '')],
    ['a wrong digest', new LivepatchError('digest', '')],
    ['a full disk', Object.assign(new Error(), { code: 'ENOSPC' })],
  ])('that is %s does not pass', (_what, error) => expect(transientFailureOf(error, NOW)).toBeUndefined());
});

describe('Retry-After', () => {
  it.each([
    ['120', 120_000],
    ['0', 0],
    ['Sun, 22 Nov 2026 12:00:30 GMT', 30_000],
    ['Sun, 22 Nov 2026 11:00:00 GMT', 0],
    ['-1', undefined],
    ['1.5', undefined],
    ['9999999999', undefined],
    ['2026-11-22', undefined],
    ['Sun, 99 Nov 2026 12:00:30 GMT', undefined],
    ['soon', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%j means %j', (text, expected) => expect(parseRetryAfter(text, NOW)).toBe(expected));
});

describe('persisting', () => {
  const reset = new LivepatchError('network', 'GET request failed', {
    cause: Object.assign(new Error(), { code: 'ECONNRESET' }),
  });

  async function persist(failures: number, error: unknown) {
    const pauses: number[] = [];
    const told: string[] = [];
    let tries = 0;
    const result = await withRetry(
      {
        ...NETWORK_DEPS,
        uptime: () => LONG_UP,
        random: () => 0.999,
        pause: async (milliseconds) => void pauses.push(milliseconds),
        tell: (step) => told.push(step),
      },
      async () => {
        tries += 1;
        if (tries <= failures) throw error;
        return 'done';
      },
    ).catch((thrown) => thrown);
    return { result, pauses, told, tries };
  }

  it('ends with the first success, and tells of what it waited for', async () => {
    expect(await persist(2, reset)).toEqual({
      result: 'done',
      tries: 3,
      pauses: [999, 1998],
      told: ['GET request failed; trying again in 1 s', 'GET request failed; trying again in 2 s'],
    });
  });

  it('ends with the last failure', async () => {
    expect(await persist(99, reset)).toMatchObject({ result: reset, tries: limits.attempts });
  });

  it('does not begin where it would not help', async () => {
    const error = new LivepatchError('bad-answer', 'no');
    expect(await persist(99, error)).toEqual({ result: error, tries: 1, pauses: [], told: [] });
  });
});
