import { brotliCompressSync, gzipSync } from 'node:zlib';
import { type Handler, pour } from './faulty.ts';

const DIGEST = 'a'.repeat(64);

export const answer =
  (status: number, body: string | Buffer = '', headers: Record<string, string> = {}): Handler =>
  (_request, response) =>
    void response.writeHead(status, headers).end(body);
export const json = (body: unknown, status = 200): Handler => answer(status, JSON.stringify(body));

export const ADVICE = {
  schema: 1,
  serial: 1000,
  issuedAt: '2026-11-22T12:00:00Z',
  support: 'supported',
  tier: 'stable',
};
const OFFER = {
  version: '121.1',
  url: '/x',
  sha256: DIGEST,
  size: 1,
  releasedAt: '2026-11-22T12:00:00Z',
  fixes: [],
};
export const advice = (changes: object): Handler => json({ ...ADVICE, ...changes });
const offer = (changes: object): Handler => advice({ offer: { ...OFFER, ...changes } });

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
  ['half an object', answer(200, '{"schema":1,'), 'it is not JSON'],
  ['bytes', answer(200, Buffer.alloc(1000, 0xff)), 'it is not JSON'],
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
  ['another schema', advice({ schema: 2 }), 'schema is not as agreed'],
  ['no schema', advice({ schema: undefined }), 'schema is not as agreed'],
  ['no serial', advice({ serial: undefined }), 'serial is not as agreed'],
  ['a serial in words', advice({ serial: '1000' }), 'serial is not as agreed'],
  ['a negative serial', advice({ serial: -1 }), 'serial is not as agreed'],
  ['half a serial', advice({ serial: 1000.5 }), 'serial is not as agreed'],
  ['a serial beyond all counting', advice({ serial: 1e300 }), 'serial is not as agreed'],
  ['a time that is none', advice({ issuedAt: 'yesterday' }), 'issuedAt is not as agreed'],
  ['a time that never was', advice({ issuedAt: '2026-13-41T12:00:00Z' }), 'issuedAt is not as agreed'],
  ['a support nobody knows', advice({ support: 'great' }), 'support is not as agreed'],
  ['a date that is none', advice({ upgradeRequiredDate: 'soon' }), 'upgradeRequiredDate is not as agreed'],
  ['a tier with an escape sequence', advice({ tier: '\x1b[31m' }), 'tier is not as agreed'],
  ['a tier of null', advice({ tier: null }), 'tier is not as agreed'],
  ['an offer of null', advice({ offer: null }), 'offer is not as agreed'],
  ['an offer that is a list', advice({ offer: [] }), 'offer.version is not as agreed'],
  ['a version that is a path', offer({ version: '../../etc' }), 'offer.version is not as agreed'],
  ['a version that is a number', offer({ version: 121.1 }), 'offer.version is not as agreed'],
  ['no URL', offer({ url: '' }), 'offer.url is not as agreed'],
  ['a URL of kilobytes', offer({ url: 'x'.repeat(2049) }), 'offer.url is not as agreed'],
  ['a digest that is a path', offer({ sha256: '../../etc/passwd' }), 'offer.sha256 is not as agreed'],
  ['a digest in capitals', offer({ sha256: DIGEST.toUpperCase() }), 'offer.sha256 is not as agreed'],
  ['a size of nothing', offer({ size: 0 }), 'offer.size is not as agreed'],
  ['a size of terabytes', offer({ size: 2 ** 40 }), 'offer.size is not as agreed'],
  ['a size in words', offer({ size: '1' }), 'offer.size is not as agreed'],
  ['a release at no time', offer({ releasedAt: 0 }), 'offer.releasedAt is not as agreed'],
  ['no fixes', offer({ fixes: undefined }), 'offer.fixes is not as agreed'],
  ['too many fixes', offer({ fixes: Array(1001).fill({ name: 'x' }) }), 'offer.fixes is not as agreed'],
  ['a fix of two lines', offer({ fixes: [{ name: 'a\nb: c' }] }), 'offer.fixes.0.name is not as agreed'],
  [
    'a blocklist of versions that are none',
    advice({ blocklist: { patches: ['*'] } }),
    'blocklist.patches.0 is not as agreed',
  ],
  [
    'a blocklist of short digests',
    advice({ blocklist: { modules: ['ab'] } }),
    'blocklist.modules.0 is not as agreed',
  ],
  [
    'an endless blocklist',
    advice({ blocklist: { certificates: Array(1001).fill(DIGEST) } }),
    'blocklist.certificates is not as agreed',
  ],
  ['204 without number and time', answer(204), 'a 204 must carry its number and time'],
  [
    '204 with a number that is none',
    answer(204, '', { 'livepatch-serial': 'many', 'livepatch-issued-at': ADVICE.issuedAt }),
    'a 204 must carry its number and time',
  ],
];
