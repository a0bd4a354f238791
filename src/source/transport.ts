import { existsSync, readFileSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { rootCertificates } from 'node:tls';
import got, { type Got } from 'got';
import type { Config } from '../types.ts';
import type { NetworkDeps } from './network-deps.ts';
import { type ProxyConfig, proxyFor } from './proxy.ts';

/** Where distributions keep their CA pool: Debian and Ubuntu; Fedora and RHEL; SUSE. */
const HOST_CA_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
];

/** What of the configuration decides how a connection is made. */
export type TransportConfig = Pick<Config, 'caCerts' | 'dialTimeout'> & ProxyConfig;

interface Agents {
  http: HttpAgent;
  https: HttpsAgent;
}

/** As Node's own agents: a connection is kept for the next request, for 5 seconds at most. */
const KEEP_ALIVE = { keepAlive: true, scheduling: 'lifo', timeout: 5000 } as const;

/** How requests are carried. */
export interface Transport {
  http: Got;
  /** Loads what a proxy takes only where there is one. @throws LivepatchError `config`; see proxy.ts. */
  agentsFor(url: URL): Promise<Agents & { isProxied: boolean }>;
  /** For one connection: name, TCP, TLS, and the proxy between. Milliseconds. */
  dialTimeout: number;
  deps: NetworkDeps;
}

/**
 * An HTTP client that trusts the host's CAs plus the shipped and the configured ones, speaks TLS 1.2 or newer, gives
 * up in time, unpacks nothing, follows no redirect by itself (a token must not follow one) and leaves retries to its
 * caller.
 */
export function transport(config: TransportConfig, userAgent: string, deps: NetworkDeps): Transport {
  const { dialTimeout } = config;
  const { env, limits } = deps;
  const trust = {
    minVersion: 'TLSv1.2' as const,
    // Said aloud, because NODE_TLS_REJECT_UNAUTHORIZED=0 in an environment file would switch it off otherwise.
    rejectUnauthorized: true,
    // Whatever an administrator puts into ca-certs is an anchor, as with curl: a leaf, or an intermediate whose root
    // is missing, as vendors hand them out (X509_V_FLAG_PARTIAL_CHAIN).
    allowPartialTrustChain: true,
  };
  const ca = [
    ...hostCertificates(),
    ...deps.shippedCas(),
    ...(config.caCerts === '' ? [] : [config.caCerts]),
  ];
  const http = got.extend({
    headers: { 'user-agent': userAgent, 'accept-encoding': 'identity' },
    // What would be unpacked could be a bomb; nothing of the protocol is packed.
    decompress: false,
    https: {
      minVersion: trust.minVersion,
      rejectUnauthorized: trust.rejectUnauthorized,
      certificateAuthority: ca,
    },
    timeout: {
      lookup: dialTimeout,
      connect: dialTimeout,
      secureConnect: dialTimeout,
      socket: limits.idleTime,
      response: limits.answerTime,
    },
    followRedirect: false,
    retry: { limit: 0 },
    throwHttpErrors: false,
  });
  // Of our own, because Node's go by the environment: NODE_USE_ENV_PROXY would overrule no-proxy.
  const direct = {
    http: new HttpAgent(KEEP_ALIVE),
    https: new HttpsAgent({ ...KEEP_ALIVE, ...trust }),
    isProxied: false,
  };
  return {
    http,
    async agentsFor(url) {
      const proxy = proxyFor(url, config, env);
      if (proxy === undefined) return direct;
      const { agentsThrough } = await import('./tunnel.ts');
      return { ...agentsThrough(proxy, { ...trust, ca }, dialTimeout), isProxied: true };
    },
    dialTimeout,
    deps,
  };
}

function hostCertificates(): string[] {
  const bundle = HOST_CA_BUNDLES.find((path) => existsSync(path));
  return bundle === undefined ? [...rootCertificates] : [readFileSync(bundle, 'utf8')];
}
