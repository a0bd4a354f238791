import { EXIT_STATUS, LivepatchError, messageOf } from '../errors.ts';
import type { Refused } from '../source/retry.ts';
import type { Context } from './context.ts';

/** Puts it on record when the server refuses this machine or its token; any other failure is left alone. */
export function noteDenial({ store }: Context, error: unknown): void {
  if (!(error instanceof LivepatchError) || error.code !== 'server-refused') return;
  if (!(error.cause as Refused | undefined)?.denied) return;
  store.events.add({ what: 'denied', why: error.code, message: error.message });
}

/** What is not provably a patch for this kernel was `refused`; whatever else went wrong, has failed. */
export function noteFailure({ store }: Context, version: string, error: unknown): void {
  const why = error instanceof LivepatchError ? error.code : 'general';
  const what = EXIT_STATUS[why] === EXIT_STATUS.signature ? 'refused' : 'failed';
  store.events.add({ what, version, why, message: messageOf(error) });
}
