import { type LookupAddress, lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { hostOf, isNear } from '../policy/addresses.ts';

/** Code of the error that `lookUpElsewhere` ends in. */
export const NEAR = 'ENEAR';

/** Whether a host of a URL is this machine or its link by what it says, without looking it up (RFC 6761 section 6.3). */
export function isNearHost(hostname: string): boolean {
  const host = hostOf(hostname);
  return isNear(host) || host === 'localhost' || host.endsWith('.localhost');
}

/**
 * Looks a name up, and fails when one of its addresses is near this machine: a server that may name any address must not
 * have root ask what only this machine can reach.
 */
export const lookUpElsewhere: LookupFunction = (hostname, options, done) => {
  lookup(hostname, options, (error, found: string | LookupAddress[], family) => {
    const addresses = Array.isArray(found) ? found.map(({ address }) => address) : [found];
    if (error === null && addresses.some(isNear)) {
      done(Object.assign(new Error(`${hostname} is this machine or its link`), { code: NEAR }), []);
    } else {
      done(error, found, family);
    }
  });
};
