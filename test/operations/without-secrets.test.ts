import { expect, it } from 'vitest';
import { LivepatchError } from '../../src/errors.ts';
import type { Session } from '../../src/operations/session.ts';
import { withoutSecrets } from '../../src/operations/without-secrets.ts';
import type { Event } from '../../src/policy/loop.ts';
import { Secret } from '../../src/secret.ts';
import { NO_TOKEN } from '../../src/store/token.ts';

const TOKEN = '9f8e456789abcdef0123456789abcdef';
const session = (authToken: string | undefined, token: string) =>
  ({ authToken: authToken && new Secret(authToken), token: new Secret(token) }) as unknown as Session;

const EVENTS: [string, (text: string) => Event][] = [
  ['a failed check', (text) => ({ kind: 'check-failed', error: failure(text), denied: false, warnings: [] })],
  ['a failure', (text) => ({ kind: 'failed', action: 'register', patch: undefined, error: failure(text) })],
  ['a server that was not told', (reason) => ({ kind: 'server-not-told', reason })],
];

function failure(text: string): LivepatchError {
  const cause = new Error(text, { cause: new Error(text) });
  return new LivepatchError('server-refused', text, { hint: text, cause });
}

function errorOf(event: Event): unknown {
  return 'error' in event ? event.error : undefined;
}

function allOf(event: Event): string {
  const texts = [JSON.stringify(event)];
  for (let one: unknown = errorOf(event); one instanceof Error; one = one.cause)
    texts.push(one.message, one.stack ?? '', one instanceof LivepatchError ? (one.hint ?? '') : '');
  return texts.join('\n');
}

it.each(EVENTS)('%s holds no token that was sent, whole, cut or encoded', (_what, event) => {
  const said = `you sent ${TOKEN}, ${TOKEN.slice(9)}, ${Buffer.from(TOKEN).toString('base64')}`;
  for (const one of [session(TOKEN, NO_TOKEN), session(undefined, TOKEN)]) {
    const text = allOf(withoutSecrets(event(said), one));
    expect(text).not.toContain(TOKEN.slice(0, 8));
    expect(text).not.toContain(TOKEN.slice(-8));
    expect(text).not.toContain(Buffer.from(TOKEN).toString('base64').slice(0, 12));
    expect(text).toContain('you sent');
  }
});

it.each(EVENTS)('%s keeps its text when there is nothing to mask', (_what, event) => {
  const said = `digest ${'0'.repeat(64)}`;
  expect(allOf(withoutSecrets(event(said), session(undefined, NO_TOKEN)))).toContain(said);
});
