import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mask, maskPassword, Secret } from '../src/secret.ts';

const TOKEN = '0123456789abcdef0123456789abcdef'.replace('0123', '9f8e');
const SHOWN = new Secret(TOKEN).toString();

describe('a text that a secret is masked in', () => {
  it.each([
    ['whole', `token ${TOKEN} refused`, `token ${SHOWN} refused`],
    ['twice', `${TOKEN},${TOKEN}`, `${SHOWN},${SHOWN}`],
    ['cut at the end', `refused: ${TOKEN.slice(0, 31)}`, `refused: ${SHOWN}`],
    ['cut at both ends', `…${TOKEN.slice(5, 20)}…`, '…****…'],
    ['cut at the beginning', `${TOKEN.slice(1)} is unknown`, `**** is unknown`],
    ['cut to 8 characters', `refused: ${TOKEN.slice(0, 8)}…`, `refused: ${SHOWN}…`],
    ['in JSON', JSON.stringify({ token: TOKEN }), JSON.stringify({ token: SHOWN })],
    ['by its first 8 characters', 'see 9f8e4567', `see ${SHOWN}`],
    ['not at all', 'token 9f8e456 refused', 'token 9f8e456 refused'],
  ])('holds it %s', (_how, text, masked) => {
    expect(mask(text, [new Secret(TOKEN)])).toBe(masked);
  });

  it('masks a short secret only whole', () => {
    expect(mask('the word abcd and abc', [new Secret('abcd')])).toBe('the word abcd and abc');
  });

  const token = fc.stringMatching(/^[\x21-\x7e]{12,40}$/).filter((text) => new Set(text).size > 8);
  const encodings: Record<string, (value: string) => string> = {
    plain: (value) => value,
    percent: encodeURIComponent,
    'percent in lower case': (value) =>
      encodeURIComponent(value).replaceAll(/%../g, (code) => code.toLowerCase()),
    'percent, every byte': (value) => [...Buffer.from(value)].map((byte) => `%${byte.toString(16)}`).join(''),
    base64: (value) => Buffer.from(value).toString('base64'),
    'base64, after a user': (value) => Buffer.from(`u:${value}`).toString('base64'),
    'base64, between others': (value) => Buffer.from(`user:${value}@host`).toString('base64'),
    base64url: (value) => Buffer.from(`Bearer ${value}`).toString('base64url'),
    JSON: (value) => JSON.stringify(value),
  };

  it.each(Object.entries(encodings))('does not hold it any more (%s)', (_name, encode) => {
    fc.assert(
      fc.property(token, fc.constantFrom('', 'x=', 'failed: '), fc.nat(60), (value, before, cut) => {
        const encoded = encode(value);
        const text = before + encoded.slice(0, Math.max(24, encoded.length - cut));
        const masked = mask(text, [new Secret(value)]);
        // The middle of the secret, of which no more than what identifies it may be left.
        for (let at = 6; at + 12 <= encoded.length - 6; at += 1) {
          expect(masked).not.toContain(encoded.slice(at, at + 12));
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('the password of an address', () => {
  it.each([
    ['http://u:p@h:1', 'http://u:****@h:1'],
    ['u:p@h', 'u:****@h'],
    ['socks5://u:p@q:r@h/', 'socks5://u:****@h/'],
    ['http://:p@h', 'http://:****@h'],
    ['http://u@h', 'http://u@h'],
    ['proxy.test:3128', 'proxy.test:3128'],
    ['http://[::1]:3128', 'http://[::1]:3128'],
    ['', ''],
  ])('%s', (text, masked) => {
    expect(maskPassword(text, '****')).toBe(masked);
  });
});
