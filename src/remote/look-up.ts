import { lookup } from 'node:dns/promises';

/** @returns the addresses of a host, as every program here finds them; undefined when it has none. */
export async function lookUp(host: string): Promise<string[] | undefined> {
  try {
    // The URL's brackets around an IPv6 address are none of its name.
    const addresses = await lookup(host.replaceAll(/^\[|\]$/g, ''), { all: true });
    return addresses.map(({ address }) => address);
  } catch {
    return undefined;
  }
}
