import { LivepatchError } from '../errors.ts';

/** The one sentence that other programs match on most. */
export function notEnabled(): LivepatchError {
  return new LivepatchError(
    'not-enabled',
    "Machine is not enabled. Please run 'sudo canonical-livepatch enable' with the\ntoken obtained from https://ubuntu.com/livepatch.",
  );
}
