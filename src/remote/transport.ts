import { existsSync, readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import got, { type Got } from 'got';
import { LIMITS } from '../limits.ts';
import type { Config } from '../types.ts';

/** Where distributions keep their CA pool: Debian and Ubuntu; Fedora and RHEL; SUSE. */
const HOST_CA_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
];

/** What of the configuration decides how a connection is made. */
export type TransportConfig = Pick<Config, 'caCerts' | 'dialTimeout'>;

/**
 * An HTTP client that trusts the host's CAs plus the configured ones, speaks TLS 1.2 or newer, gives up in time,
 * follows no redirect by itself (a token must not follow one) and leaves retries to its caller.
 */
export function transport(config: TransportConfig, userAgent: string): Got {
  return got.extend({
    headers: { 'user-agent': userAgent },
    https: {
      certificateAuthority: [...hostCertificates(), ...(config.caCerts === '' ? [] : [config.caCerts])],
      minVersion: 'TLSv1.2',
      // Said aloud, because NODE_TLS_REJECT_UNAUTHORIZED=0 in an environment file would switch it off otherwise.
      rejectUnauthorized: true,
    },
    timeout: {
      lookup: config.dialTimeout,
      connect: config.dialTimeout,
      secureConnect: config.dialTimeout,
      socket: LIMITS.network.idleTime,
      response: LIMITS.network.answerTime,
    },
    followRedirect: false,
    retry: { limit: 0 },
    throwHttpErrors: false,
  });
}

function hostCertificates(): string[] {
  const bundle = HOST_CA_BUNDLES.find((path) => existsSync(path));
  return bundle === undefined ? [...rootCertificates] : [readFileSync(bundle, 'utf8')];
}
