import { lookup } from 'node:dns';
import { Agent as HttpAgent, request as httpRequest, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  type ConnectionOptions,
  connect as connectTls,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls';
import { withoutBrackets } from '../policy/addresses.ts';
import { loginRefused } from './proxy-login.ts';

/** How TLS peers are judged, proxies as well as servers. */
export type Trust = Pick<
  ConnectionOptions & SecureContextOptions,
  'ca' | 'minVersion' | 'rejectUnauthorized' | 'allowPartialTrustChain'
>;

interface Target {
  host: string;
  port: number;
}

/**
 * Agents whose connections go through a proxy. What a proxy answers never reaches the code that asked the server: one that
 * refuses a tunnel with a made-up 204 must not pass for the server that it keeps us from, as it does with agents that
 * replay its answer on the tunnel's side.
 * @param dialTimeout for the way through the proxy up to the end of the handshake with the server, milliseconds.
 */
export function agentsThrough(
  proxy: URL,
  trust: Trust,
  dialTimeout: number,
): { http: HttpAgent; https: HttpsAgent } {
  const tunnel = (target: Target, signal: AbortSignal) =>
    proxy.protocol === 'socks5:'
      ? socksTunnel(proxy, target, dialTimeout, signal)
      : httpTunnel(proxy, trust, target, signal);
  const toServer = (options: RequestOptions) =>
    within(dialTimeout, async (signal) =>
      handshake(options as ConnectionOptions, await tunnel(targetOf(options), signal), signal),
    );
  const toPlainServer = (options: RequestOptions) =>
    within(dialTimeout, (signal) => tunnel(targetOf(options), signal));

  return {
    http: proxy.protocol === 'socks5:' ? dialling(new HttpAgent(), toPlainServer) : forwarder(proxy, trust),
    https: dialling(new HttpsAgent(trust), toServer),
  };
}

/** Has an agent make its connections by `dial`. */
function dialling<A extends HttpAgent>(agent: A, dial: (options: RequestOptions) => Promise<Socket>): A {
  agent.createConnection = (options, done) => {
    dial(options).then(
      (socket) => done?.(null, socket),
      (error) => done?.(error, undefined as never),
    );
    return undefined;
  };
  return agent;
}

/** The clock stops once the connection stands: what is still tied to it then would be cut off in mid-download. */
async function within<T>(milliseconds: number, dial: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const clock = new AbortController();
  const timer = setTimeout(() => clock.abort(), milliseconds);
  try {
    return await dial(clock.signal);
  } finally {
    clearTimeout(timer);
  }
}

/** http through an HTTP proxy needs no tunnel: the proxy is sent the whole URL (RFC 9112 section 3.2.2). */
function forwarder(proxy: URL, trust: Trust): HttpAgent {
  const agent = new HttpAgent({ proxyEnv: { http_proxy: proxy.href } });
  const { host, port } = addressOf(proxy);
  // Node's own would not know the CAs that we trust.
  agent.createConnection = (): Duplex =>
    proxy.protocol === 'https:'
      ? connectTls({ ...trust, host, port, lookup: lookUpProxy, servername: nameForTls(host) })
      : connectTcp({ host, port, lookup: lookUpProxy });
  return agent;
}

/** CONNECT, RFC 9110 section 9.3.6. */
function httpTunnel(proxy: URL, trust: Trust, target: Target, signal: AbortSignal): Promise<Socket> {
  const { host, port } = addressOf(proxy);
  const authority = `${isIP(target.host) === 6 ? `[${target.host}]` : target.host}:${target.port}`;
  return new Promise((resolve, reject) => {
    const request = (proxy.protocol === 'https:' ? httpsRequest : httpRequest)({
      ...trust,
      host,
      port,
      lookup: lookUpProxy,
      // Said aloud, for Node would take it from the Host header, which names the server.
      servername: nameForTls(host),
      method: 'CONNECT',
      path: authority,
      headers: { host: authority, ...authorization(proxy) },
      agent: false,
      signal,
    });
    request.once('connect', ({ headers, statusCode = 0 }, socket: Socket, head: Buffer) => {
      // In a tunnel the client speaks first; what comes before that is the proxy's.
      if (statusCode === 200 && head.length === 0) return resolve(socket);
      socket.destroy();
      reject(
        statusCode === 200
          ? proxyError('EPROXY', 'the proxy spoke into the tunnel')
          : refused(statusCode, headers['proxy-authenticate']),
      );
    });
    request.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code?.startsWith('HPE_')
          ? proxyError('EPROXY', 'the proxy does not speak HTTP')
          : timedOut(error, signal),
      ),
    );
    request.end();
  });
}

function refused(status: number, proxyAuthenticate: string | undefined): Error {
  // 401 is the server's to answer, but tinyproxy does.
  if (status === 407 || status === 401) return loginRefused(status, proxyAuthenticate);
  // 502 to 504: it could not reach the server, which may pass.
  return proxyError(status >= 502 && status <= 504 ? 'EPROXYDOWN' : 'EPROXY', `the proxy answered ${status}`);
}

/** RFC 1928 and 1929. The proxy resolves the name: behind one, there is often nobody else who could. */
async function socksTunnel(
  proxy: URL,
  target: Target,
  timeout: number,
  signal: AbortSignal,
): Promise<Socket> {
  const { SocksClient } = await import('socks');
  const { host, port } = addressOf(proxy);
  const socket = connectTcp({ host, port, lookup: lookUpProxy, signal });
  try {
    await connected(socket, 'connect');
  } catch (error) {
    throw timedOut(error, signal);
  }
  const [userId, password] = credentialsOf(proxy);
  try {
    await SocksClient.createConnection({
      proxy: { host, port, type: 5, ...(userId === '' ? {} : { userId, password }) },
      destination: target,
      command: 'connect',
      existing_socket: socket,
      timeout,
    });
    return socket;
  } catch (error) {
    socket.destroy();
    // A new error: the library's holds its options, and so the password.
    throw timedOut(socksError(error instanceof Error ? error.message : ''), signal);
  }
}

function socksError(message: string): Error {
  if (/authentication|no acceptable/i.test(message))
    return proxyError('EPROXYAUTH', 'the proxy refused the user');
  const reason = /rejected connection - (\w+)/.exec(message)?.[1];
  if (reason === undefined) return proxyError('EPROXY', 'the proxy does not speak SOCKS 5');
  return proxyError(reason === 'NotAllowed' ? 'EPROXY' : 'EPROXYDOWN', `the proxy answered ${reason}`);
}

/** TLS with the server, inside the tunnel; done only when its certificate was found good. */
async function handshake(
  options: ConnectionOptions,
  tunnel: Socket,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const socket = connectTls({ ...options, socket: tunnel });
  const abort = (): void => void socket.destroy(proxyError('ETIMEDOUT', 'the server did not answer in time'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    await connected(socket, 'secureConnect');
    return socket;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function connected(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once(event, () => {
      socket.off('error', reject);
      resolve();
    });
  });
}

/** An abort is our own clock's doing. */
function timedOut(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted ? proxyError('ETIMEDOUT', 'the proxy did not answer in time') : error;
}

function proxyError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

function targetOf(options: RequestOptions): Target {
  return { host: withoutBrackets(options.host ?? ''), port: Number(options.port) };
}

const DEFAULT_PORTS = new Map([
  ['http:', 80],
  ['https:', 443],
  ['socks5:', 1080],
]);

/** Looks the proxy up, such that a failure tells whose name it is. */
const lookUpProxy: LookupFunction = (hostname, options, done) => {
  lookup(hostname, options, (error, ...found) => {
    const message = `The name of the proxy, ${hostname}, cannot be resolved; check DNS, http-proxy and https-proxy`;
    done(error && proxyError('EPROXYNAME', message), ...found);
  });
};

function addressOf(proxy: URL): Target {
  return {
    host: withoutBrackets(proxy.hostname),
    port: Number(proxy.port) || (DEFAULT_PORTS.get(proxy.protocol) as number),
  };
}

/** The name to ask TLS for; an address is none (RFC 6066 section 3), and is checked against the certificate as it is. */
function nameForTls(host: string): string {
  return isIP(host) === 0 ? host : '';
}

function authorization(proxy: URL): Record<string, string> {
  if (proxy.username === '' && proxy.password === '') return {};
  const credentials = Buffer.from(credentialsOf(proxy).join(':')).toString('base64');
  return { 'proxy-authorization': `Basic ${credentials}` };
}

function credentialsOf(proxy: URL): [user: string, password: string] {
  return [decodeURIComponent(proxy.username), decodeURIComponent(proxy.password)];
}
