import { buffer } from 'node:stream/consumers';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { ADVICE, type Handler } from '../scene.ts';
import { pour } from './raw-server.ts';

const DIGEST = 'a'.repeat(64);

export const answer =
  (status: number, body: string | Buffer = '', headers: Record<string, string> = {}): Handler =>
  (_request, response) =>
    void response.writeHead(status, headers).end(body);
export const json = (body: unknown, status = 200): Handler => answer(status, JSON.stringify(body));

export const CANDIDATE = {
  version: '121.1',
  digest: DIGEST.repeat(2),
  module: 'livepatch_demo',
  cumulative: true,
  url: '/x',
  sha256: DIGEST,
  size: 1,
  releasedAt: '2026-11-22T12:00:00Z',
  fixes: [],
};
/** An answer to this very check-in, but for these fields. */
export const advice =
  (changes: object): Handler =>
  async (request, response) => {
    const { nonce } = JSON.parse((await buffer(request)).toString());
    response.end(JSON.stringify({ ...ADVICE, nonce, ...changes }));
  };
const candidate = (changes: object): Handler => advice({ candidates: [{ ...CANDIDATE, ...changes }] });

/** What a person is told to do about an answer that is not a Livepatch server's. */
export function hintFor(reason: string): string {
  const status = Number(reason.slice(-3));
  if (status === 429 || status === 503) return 'The server is busy; the next refresh tries again.';
  return status >= 500
    ? 'The server, or a proxy in front of it, failed: its log says why. The next refresh tries again.'
    : 'No Livepatch server answers so: check remote-server, and whether a proxy or the login page of a network answers in its place.';
}

/** What each of these answers to a check-in comes to: the end of the message, after the request's name. */
export const REFUSED: [name: string, Handler, reason: string][] = [
  ['500', answer(500), 'the server answered 500'],
  ['a 502 page in HTML', answer(502, '<html><h1>Bad Gateway</h1>'), 'the server answered 502'],
  ['503', answer(503), 'the server answered 503'],
  ['503 with a Retry-After of hours', answer(503, '', { 'retry-after': '36000' }), 'the server answered 503'],
  ['504', answer(504), 'the server answered 504'],
  ['429', answer(429, '', { 'retry-after': '1' }), 'the server answered 429'],
  [
    '429 with a Retry-After that is none',
    answer(429, '', { 'retry-after': '-7' }),
    'the server answered 429',
  ],
  ['404 from another kind of server', answer(404, 'nginx'), 'the server answered 404'],
  ['an error text with an escape sequence', json({ error: '\x1b[2J' }, 500), 'the server answered 500'],
  ['an error text of two lines', json({ error: 'one\ntwo' }, 500), 'the server answered 500'],
  ['an error text that is too long', json({ error: 'x'.repeat(1025) }, 500), 'the server answered 500'],
  ['an error text that is none', json({ error: { deep: true } }, 500), 'the server answered 500'],
  ['a redirect', answer(302, '', { location: '/elsewhere' }), 'the server answered 302'],
  ['a redirect to itself', answer(307, '', { location: '' }), 'the server answered 307'],
  ['a redirect to a file', answer(301, '', { location: 'file:///etc/passwd' }), 'the server answered 301'],
  ['304, which was not asked for', answer(304), 'the server answered 304'],
  ['206, which was not asked for', answer(206, '{}'), 'the server answered 206'],
  ['201', json({}, 201), 'the server answered 201'],
  ['205', answer(205), 'the server answered 205'],
];

/** The same, of those that cannot be used. */
export const UNUSABLE: [name: string, Handler, reason: string][] = [
  ['nothing', answer(200), 'it is not JSON'],
  ['HTML', answer(200, '<html>log in to our wifi'), 'it is not JSON'],
  ['half an object', answer(200, '{"schema":2,'), 'it is not JSON'],
  ['bytes', answer(200, Buffer.alloc(1000, 0xff)), 'it is not UTF-8'],
  ['JSON a million deep', answer(200, '['.repeat(1_000_000)), 'it is not JSON'],
  ['more than a mebibyte', answer(200, ' '.repeat(1024 * 1024 + 1)), 'it is too long'],
  ['more than a mebibyte of error', answer(500, ' '.repeat(1024 * 1024 + 1)), 'it is too long'],
  ['an endless body', (_, response) => pour(response.writeHead(200), Buffer.alloc(65_536)), 'it is too long'],
  [
    'gzip',
    answer(200, gzipSync(JSON.stringify(ADVICE)), { 'content-encoding': 'gzip' }),
    'it is compressed, which was not asked for',
  ],
  [
    'a gzip bomb',
    answer(200, gzipSync(Buffer.alloc(64 * 1024 * 1024)), { 'content-encoding': 'gzip' }),
    'it is compressed, which was not asked for',
  ],
  [
    'a brotli bomb',
    answer(200, brotliCompressSync(Buffer.alloc(64 * 1024 * 1024)), { 'content-encoding': 'br' }),
    'it is compressed, which was not asked for',
  ],
  ['null', json(null), 'its top is not as agreed'],
  ['a list', json([]), 'schema is not as agreed'],
  ['another schema', advice({ schema: 1 }), 'schema is not as agreed'],
  ['no schema', advice({ schema: undefined }), 'schema is not as agreed'],
  ['no nonce', advice({ nonce: undefined }), 'nonce is not as agreed'],
  ['a nonce that is a number', advice({ nonce: 1 }), 'nonce is not as agreed'],
  [
    'the nonce of another check-in',
    advice({ nonce: 'a'.repeat(32) }),
    'it is not to this check-in: an old one was replayed',
  ],
  ['a time that is none', advice({ issuedAt: 'yesterday' }), 'issuedAt is not as agreed'],
  ['a time that never was', advice({ issuedAt: '2026-13-41T12:00:00Z' }), 'issuedAt is not as agreed'],
  ['a support nobody knows', advice({ support: 'great' }), 'support is not as agreed'],
  ['a date that is none', advice({ upgradeRequiredDate: 'soon' }), 'upgradeRequiredDate is not as agreed'],
  ['a tier with an escape sequence', advice({ tier: '\x1b[31m' }), 'tier is not as agreed'],
  ['a tier of null', advice({ tier: null }), 'tier is not as agreed'],
  ['candidates of null', advice({ candidates: null }), 'candidates is not as agreed'],
  ['a candidate that is a list', advice({ candidates: [[]] }), 'candidates.0.version is not as agreed'],
  ['no candidates', advice({ candidates: undefined }), 'candidates is not as agreed'],
  ['a digest too short', candidate({ digest: DIGEST }), 'candidates.0.digest is not as agreed'],
  ['a module that is a path', candidate({ module: '../x' }), 'candidates.0.module is not as agreed'],
  ['a version of three numbers', candidate({ version: '121.1.0' }), 'candidates.0.version is not as agreed'],
  ['a version with a zero before', candidate({ version: '0121.1' }), 'candidates.0.version is not as agreed'],
  ['a phase of more than all', candidate({ phase: 101 }), 'candidates.0.phase is not as agreed'],
  ['a tier with a bidi control', advice({ tier: 'a\u202e' }), 'tier is not as agreed'],
  ['a tier with a line separator', advice({ tier: 'a\u2028b' }), 'tier is not as agreed'],
  ['a version that is a path', candidate({ version: '../../etc' }), 'candidates.0.version is not as agreed'],
  ['a version that is a number', candidate({ version: 121.1 }), 'candidates.0.version is not as agreed'],
  ['no URL', candidate({ url: '' }), 'candidates.0.url is not as agreed'],
  ['a URL of kilobytes', candidate({ url: 'x'.repeat(2049) }), 'candidates.0.url is not as agreed'],
  [
    'a digest that is a path',
    candidate({ sha256: '../../etc/passwd' }),
    'candidates.0.sha256 is not as agreed',
  ],
  [
    'a digest in capitals',
    candidate({ sha256: DIGEST.toUpperCase() }),
    'candidates.0.sha256 is not as agreed',
  ],
  ['a size of nothing', candidate({ size: 0 }), 'candidates.0.size is not as agreed'],
  ['a size of terabytes', candidate({ size: 2 ** 40 }), 'candidates.0.size is not as agreed'],
  ['a size in words', candidate({ size: '1' }), 'candidates.0.size is not as agreed'],
  ['a release at no time', candidate({ releasedAt: 0 }), 'candidates.0.releasedAt is not as agreed'],
  ['no fixes', candidate({ fixes: undefined }), 'candidates.0.fixes is not as agreed'],
  [
    'too many fixes',
    candidate({ fixes: Array(1001).fill({ name: 'x' }) }),
    'candidates.0.fixes is not as agreed',
  ],
  [
    'a fix of two lines',
    candidate({ fixes: [{ name: 'a\nb: c' }] }),
    'candidates.0.fixes.0.name is not as agreed',
  ],
  ['nothing withdrawn', advice({ withdrawn: undefined }), 'withdrawn is not as agreed'],
  [
    'withdrawn versions that are none',
    advice({ withdrawn: [{ version: '*', digest: DIGEST.repeat(2) }] }),
    'withdrawn.0.version is not as agreed',
  ],
  [
    'short digests',
    advice({ withdrawn: [{ version: '1.1', digest: 'ab' }] }),
    'withdrawn.0.digest is not as agreed',
  ],
  ['no revoked keys', advice({ revokedKeys: undefined }), 'revokedKeys is not as agreed'],
  ['endless revoked keys', advice({ revokedKeys: Array(1001).fill(DIGEST) }), 'revokedKeys is not as agreed'],
  [
    '204, which was not asked for',
    answer(204, '', { 'livepatch-nonce': 'a'.repeat(32), 'livepatch-issued-at': ADVICE.issuedAt }),
    'a 204 says "as before", but this machine knows nothing',
  ],
];
