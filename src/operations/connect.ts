import { LivepatchError } from '../errors.ts';
import type { Secret } from '../secret.ts';
import type { Source } from '../source/source.ts';
import { NO_TOKEN } from '../store/token.ts';
import { configOf } from './act.ts';
import type { Session } from './session.ts';

/** The configured source: connected to once a run, when it is first needed. */
export async function sourceOf(session: Session): Promise<Source> {
  session.source ??= await session.context.connect(configOf(session));
  return session.source;
}

/** What is sent to the source: the machine token, or nothing where an administrator gave a catalogue none. */
export function tokenFor({ token }: Session): Secret | undefined {
  if (token instanceof LivepatchError) throw token;
  return token?.reveal() === NO_TOKEN ? undefined : token;
}
