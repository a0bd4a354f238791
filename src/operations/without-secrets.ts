import { LivepatchError } from '../errors.ts';
import type { Event } from '../policy/loop.ts';
import { mask, type Secret } from '../secret.ts';
import { NO_TOKEN } from '../store/token.ts';
import type { Session } from './session.ts';

/**
 * What came of an action, as it may be remembered and printed. A server that was sent a token may repeat it, and so may
 * a proxy on the way or a library: in any text, cut or encoded.
 */
export function withoutSecrets(event: Event, session: Session): Event {
  const secrets = secretsOf(session);
  if (event.kind === 'server-not-told') return { ...event, reason: mask(event.reason, secrets) };
  return 'error' in event ? { ...event, error: masked(event.error, secrets) } : event;
}

function secretsOf({ authToken, token }: Session): Secret[] {
  return [authToken, token].filter(
    (one): one is Secret =>
      one !== undefined && !(one instanceof LivepatchError) && one.reveal() !== NO_TOKEN,
  );
}

function masked(error: LivepatchError, secrets: readonly Secret[]): LivepatchError {
  return new LivepatchError(error.code, mask(error.message, secrets), {
    ...(error.hint === undefined ? {} : { hint: mask(error.hint, secrets) }),
    ...(error.cause instanceof Error ? { cause: withoutIn(error.cause, secrets) } : {}),
  });
}

/** The texts of what caused an error, and of what caused that. */
function withoutIn(cause: Error, secrets: readonly Secret[]): Error {
  const deeper = cause.cause instanceof Error ? { cause: withoutIn(cause.cause, secrets) } : {};
  return new Error(mask(cause.message, secrets), deeper);
}
