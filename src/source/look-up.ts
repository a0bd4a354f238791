import { isIP } from 'node:net';
import { LIMITS } from '../limits.ts';
import { withoutBrackets } from '../policy/addresses.ts';
import { run } from '../programs.ts';
import type { Config } from '../types.ts';
import { NETWORK_DEPS } from './network-deps.ts';
import { proxyFor } from './proxy.ts';

/** @returns the proxy that the server is reached through, by the configuration or the environment. */
export function proxyOf(config: Config): URL | undefined {
  return proxyFor(config.remoteServer, config, NETWORK_DEPS.env);
}

/** The addresses of a host; or that it has none, or why that could not be found out in time. */
export type LookedUp = { addresses: string[] } | { failure: string };

/**
 * Looks a name up as every program here does. By a program of its own: Node's look-up cannot be cancelled, and keeps the
 * process from ending for as long as the resolver waits for name servers.
 * @param root where that program is, which is `/` but in tests.
 */
export async function lookUp(host: string, root = '/'): Promise<LookedUp> {
  const name = withoutBrackets(host);
  if (isIP(name) !== 0) return { addresses: [name] };
  const { lookUpTime: timeout } = LIMITS.doctor;
  const { status, stderr, stdout } = await run('getent', ['ahosts', '--', name], { root, timeout });
  if (status === undefined) return { failure: `${name} could not be looked up: ${stderr}` };
  const addresses = stdout.split('\n').flatMap((line) => /^[0-9a-f.:]+(?=\s)/i.exec(line)?.[0] ?? []);
  return addresses.length > 0
    ? { addresses: [...new Set(addresses)] }
    : { failure: `${name} has no address` };
}
