import { LivepatchError } from '../errors.ts';
import type { RefreshResult } from '../policy/loop.ts';
import type { Secret } from '../secret.ts';
import type { Context } from './context.ts';
import { run } from './loop.ts';

/** The machine is enabled; its first refresh came to a result, or failed, and the next one tries again. */
export interface Enabled {
  machineToken: Secret;
  first: RefreshResult | LivepatchError;
}

/**
 * Registers this machine with the server and applies what is due.
 * @param authToken what the server wants; a catalogue needs none.
 * @throws LivepatchError `already-enabled`, `unsupported-kernel`, `config`, and as source.ts says; the machine is then
 * not enabled, and nothing is left of the attempt.
 */
export async function enable(context: Context, authToken: Secret | undefined): Promise<Enabled> {
  const result = await run(context, 'enable', { kind: 'enable' }, authToken);
  const machineToken = context.store.token.read();
  if (result.kind !== 'enabled' || machineToken === undefined) {
    throw new LivepatchError('general', `enable ended with: ${result.kind}`);
  }
  return { machineToken, first: result.first };
}
