import { lookup } from 'node:dns/promises';
import { withoutBrackets } from '../policy/addresses.ts';
import type { Config } from '../types.ts';
import { NETWORK_DEPS } from './network-deps.ts';
import { proxyFor } from './proxy.ts';

/** @returns the proxy that the server is reached through, by the configuration or the environment. */
export function proxyOf(config: Config): URL | undefined {
  return proxyFor(config.remoteServer, config, NETWORK_DEPS.env);
}

/** @returns the addresses of a host, as every program here finds them; undefined when it has none. */
export async function lookUp(host: string): Promise<string[] | undefined> {
  try {
    const addresses = await lookup(withoutBrackets(host), { all: true });
    return addresses.map(({ address }) => address);
  } catch {
    return undefined;
  }
}
