import { buffer } from 'node:stream/consumers';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../src/secret.ts';
import { withoutSecret } from '../../src/source/without-secret.ts';
import { newest, REPORT, type SourceScene, startSourceScene } from './scene.ts';

const TOKEN = 'c1f4a9e27b3d4c5088e6aa0912ffde34';
const REPEATED = '(it repeats the token)';

describe("a server's words about a token", () => {
  it.each([
    ['it, whole', `bad: Bearer ${TOKEN}!`, `bad: Bearer c1f4${'*'.repeat(28)}!`],
    ['all but its last digit', `bad: ${TOKEN.slice(0, 31)}`, REPEATED],
    ['all but its first digits', `bad: ${TOKEN.slice(9)}`, REPEATED],
    ['its middle', `bad: ${TOKEN.slice(10, 18)}`, REPEATED],
    ['it in capitals', TOKEN.toUpperCase(), REPEATED],
    ['it in pieces', (TOKEN.match(/..../g) ?? []).join('-'), REPEATED],
    ['it whole and in part', `${TOKEN} ${TOKEN.slice(2)}`, REPEATED],
    [
      'it percent-encoded',
      [...TOKEN].map((digit) => `%${digit.charCodeAt(0).toString(16)}`).join(''),
      REPEATED,
    ],
    ['it in base64', btoa(TOKEN), REPEATED],
    ['it in base64 with its scheme', btoa(`Bearer ${TOKEN}`), REPEATED],
    ['it in base64url with a user', Buffer.from(`x:${TOKEN}`).toString('base64url'), REPEATED],
    ['it in hex', Buffer.from(TOKEN).toString('hex'), REPEATED],
    ['it backwards', [...TOKEN].reverse().join(''), REPEATED],
    ['digits of it behind a percent sign', `bad: %${TOKEN.slice(12, 20)}`, REPEATED],
    ['seven digits of it', `bad: ${TOKEN.slice(0, 7)}`, `bad: ${TOKEN.slice(0, 7)}`],
    ['nothing of it', 'Invalid Machine Token', 'Invalid Machine Token'],
  ])('that repeat %s', (_what, text, expected) => {
    expect(withoutSecret(text, new Secret(TOKEN))).toBe(expected);
  });

  it('never leave eight characters of it in a row', () => {
    const token = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(
        token,
        fc.nat(31),
        fc.nat(32),
        fc.string(),
        fc.string(),
        (text, start, length, before, after) => {
          const shown = withoutSecret(before + text.slice(start, start + length) + after, new Secret(text));
          for (let at = 0; at + 8 <= text.length; at += 1)
            expect(shown).not.toContain(text.slice(at, at + 8));
        },
      ),
    );
  });
});

describe('an error shows', () => {
  let scene: SourceScene;
  beforeEach(async () => {
    scene = await startSourceScene();
  });
  const check = (body: string | Buffer, status = 400) => {
    scene.misbehave(/\/updates$/, (_, response) => void response.writeHead(status).end(body));
    return scene
      .source()
      .checkIn(REPORT, scene.token)
      .catch((thrown) => thrown);
  };
  const said = (error: string) => check(JSON.stringify({ error }));

  it.each([
    ['what it can', 'köçek: ☃', 'köçek: ☃'],
    ['no more than a line', 'x'.repeat(1024), `${'x'.repeat(199)}…`],
    // Properties of every object.
    ['constructor', 'constructor', 'constructor'],
    ['__proto__', '__proto__', '__proto__'],
    ['toString', 'toString', 'toString'],
  ])("of a server's words %s", async (_what, error, message) => {
    expect(await said(error)).toMatchObject({
      code: 'server-refused',
      message,
      hint: expect.stringContaining('does not take this request'),
    });
  });

  it.each([
    ['bidi controls', JSON.stringify({ error: 'a\u202eb' })],
    ['U+2028', JSON.stringify({ error: 'a\u2028b' })],
    ['C1 controls', JSON.stringify({ error: 'a\u009b2Jb' })],
    ['bytes that are no UTF-8', Buffer.from('{"error":"\xff"}', 'latin1')],
  ])('none of them where they hold %s', async (_what, body) => {
    expect(await check(body)).toMatchObject({
      message: expect.stringMatching(/\/updates" failed: the server answered 400$/),
    });
  });

  it('no part of the token that is cut off', async () => {
    const token = scene.token.reveal();
    for (const length of [199, 190, 180, 170, 160]) {
      const error = await said(`${'x'.repeat(length)} ${token}`);
      expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(token.slice(0, 8));
      expect(error.message).toBe(
        `${'x'.repeat(length)} ${token.slice(0, 4)}${'*'.repeat(28)}`.slice(0, 199) +
          '…'.repeat(+(length + 33 > 200)),
      );
    }
  });

  it.each([
    ['query', (to: string) => `${to}?X-Amz-Signature=s3cret`],
    ['fragment', (to: string) => `${to}#s3cret`],
    ['user', (to: string) => to.replace('//', '//fleet:s3cret@')],
    ['token', (to: string, token: string) => `${to}/${token}`],
    ['token in base64', (to: string, token: string) => `${to}/${btoa(token)}`],
  ])('no %s of an address that a file is redirected to', async (_what, change) => {
    await scene.addPatch('121.1');
    scene.misbehave(/^\/v1\/patches\//, (_, response) => {
      const location = change('https://127.0.0.1:1/file', scene.token.reveal());
      response.writeHead(302, { location }).end();
    });
    const server = scene.source();
    const error = await buffer(server.fetch(await newest(server, scene.token), scene.token)).catch(
      (thrown) => thrown,
    );
    const shown = inspect([error, scene.told], { depth: 20, showHidden: true });
    expect(shown).not.toContain('s3cret');
    expect(shown).not.toContain(scene.token.reveal());
    expect(shown).not.toContain(btoa(scene.token.reveal()).slice(0, 12));
  });
});
