import { connect, type Socket } from 'node:net';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { issueServerCertificate, makeAuthority } from '../../server/pki.ts';
import { temporaryDirectory } from '../../temporary.ts';
import { MACHINE } from '../machine.ts';
import { type FaultySite, startFaultySite } from './faulty.ts';
import { pour, say, startRawServer } from './raw-server.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let site: FaultySite;
beforeEach(async () => {
  site = await startFaultySite();
  site.config.dialTimeout = 1000;
});

const silence = (): void => {};
const TUNNEL = 'HTTP/1.1 200 Connection established\r\n\r\n';
const FORGED = `HTTP/1.1 204 No Content\r\nlivepatch-nonce: ${'a'.repeat(32)}\r\nlivepatch-issued-at: ${new Date().toISOString()}\r\n\r\n`;

const BROKE = 'The connection broke off; if it does so again, check proxies and firewalls.';
const LATE = 'There was no answer in time; check remote-server, proxies and firewalls.';
const STRANGER =
  "The server's TLS certificate is signed by no CA that is trusted here; add the CA to ca-certs.";

/** Lets `client` talk to a port of this machine, through a tunnel that it asked for. */
function lead(client: Socket, port: number): Socket {
  const server = connect({ host: '127.0.0.1', port });
  server.on('error', () => client.destroy()).once('close', () => client.destroy());
  client.once('close', () => server.destroy());
  client.write(TUNNEL);
  client.pipe(server);
  return server;
}

/** Answers a SOCKS 5 client piece by piece. */
function socks(...answers: number[][]): (socket: Socket) => void {
  return (socket) => {
    const rest = [...answers];
    socket.on('data', () => {
      const next = rest.shift();
      if (next === undefined) socket.destroy();
      else socket.write(Buffer.from(next));
    });
  };
}

const FAULTS: [name: string, scheme: string, start: () => Promise<number>, hint: string][] = [
  [
    'forges "nothing new" instead of a tunnel',
    'http',
    () => startRawServer(say(FORGED)),
    'the proxy answered 204.',
  ],
  [
    'forges it inside the tunnel',
    'http',
    () => startRawServer(say(TUNNEL + FORGED)),
    'the proxy spoke into the tunnel.',
  ],
  [
    'redirects',
    'http',
    () => startRawServer(say('HTTP/1.1 302 Found\r\nlocation: https://example.com\r\n\r\n')),
    'the proxy answered 302.',
  ],
  [
    'forbids it',
    'http',
    () => startRawServer(say('HTTP/1.1 403 Forbidden\r\n\r\n<html>')),
    'the proxy answered 403.',
  ],
  [
    'wants a password',
    'http',
    () => startRawServer(say('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')),
    'The proxy wants another user or password; set them in http-proxy or https-proxy.',
  ],
  [
    'cannot reach the server',
    'http',
    () => startRawServer(say('HTTP/1.1 502 Bad Gateway\r\n\r\n')),
    'the proxy answered 502.',
  ],
  [
    'hangs up',
    'http',
    () => startRawServer((socket) => void socket.once('data', () => socket.destroy())),
    BROKE,
  ],
  ['says nothing', 'http', () => startRawServer(silence), LATE],
  [
    'drips',
    'http',
    () =>
      startRawServer((socket) => {
        socket.once('data', () => {
          socket.write('HTTP/1.1 200 OK\r\nx: ');
          pour(socket, 'y', 50);
        });
      }),
    LATE,
  ],
  [
    'speaks SSH',
    'http',
    () => startRawServer(say('SSH-2.0-OpenSSH_9.2\r\n')),
    'the proxy does not speak HTTP.',
  ],
  [
    'has a header without end',
    'http',
    () =>
      startRawServer(
        (socket) => void socket.once('data', () => pour(socket, `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(4096)}`)),
      ),
    'the proxy does not speak HTTP.',
  ],
  [
    'opens a tunnel to nowhere',
    'http',
    () => startRawServer((socket) => void socket.once('data', () => socket.write(TUNNEL))),
    LATE,
  ],
  [
    'opens a tunnel that ends',
    'http',
    () => startRawServer((socket) => void socket.once('data', () => socket.end(TUNNEL))),
    BROKE,
  ],
  [
    'leads to somebody else',
    'http',
    async () => {
      const other = await makeAuthority(temporaryDirectory());
      const { certPem, keyPem } = await issueServerCertificate(other, { hosts: ['127.0.0.1'] });
      const port = await startRawServer(say('HTTP/1.1 200 OK\r\n\r\n'), { cert: certPem, key: keyPem });
      return startRawServer((socket) => void socket.once('data', () => lead(socket, port).pipe(socket)));
    },
    STRANGER,
  ],
  [
    'dies in the middle of the answer',
    'http',
    () =>
      startRawServer((socket) => {
        socket.once('data', () => {
          let bytes = 0;
          lead(socket, site.server.port).on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            // Past the handshake, into the answer.
            if (bytes > 1400) socket.destroy();
            else socket.write(chunk);
          });
        });
      }),
    BROKE,
  ],
  [
    'speaks no TLS',
    'https',
    () => startRawServer(say('HTTP/1.1 400 Bad Request\r\n\r\n')),
    'The peer speaks no TLS 1.2 or newer at that address.',
  ],
  [
    'says nothing, over TLS',
    'https',
    () => startRawServer(silence, { cert: site.pki.certPem, key: site.pki.keyPem }),
    LATE,
  ],
  [
    'speaks HTTP',
    'socks5',
    () => startRawServer(say('HTTP/1.1 400 Bad Request\r\n\r\n')),
    'the proxy does not speak SOCKS 5.',
  ],
  ['says nothing', 'socks5', () => startRawServer(silence), LATE],
  [
    'takes no way of proving who we are',
    'socks5',
    () => startRawServer(socks([5, 255])),
    'The proxy wants another user or password; set them in http-proxy or https-proxy.',
  ],
  [
    'forbids it',
    'socks5',
    () => startRawServer(socks([5, 0], [5, 2, 0, 1, 0, 0, 0, 0, 0, 0])),
    'the proxy answered NotAllowed.',
  ],
  [
    'cannot reach the server',
    'socks5',
    () => startRawServer(socks([5, 0], [5, 4, 0, 1, 0, 0, 0, 0, 0, 0])),
    'the proxy answered HostUnreachable.',
  ],
  ['hangs up half way', 'socks5', () => startRawServer(socks([5, 0])), 'the proxy does not speak SOCKS 5.'],
];

describe('a check-in through a proxy', () => {
  it.each(FAULTS)('that %s (%s)', async (_name, scheme, start, hint) => {
    site.config.httpsProxy = `${scheme}://127.0.0.1:${await start()}`;
    const error = await site.failingRun();
    expect(error.message).toBe(
      `POST request to "${site.server.url}/v1/client/${'0123456789abcdef'.repeat(2)}/updates" failed`,
    );
    expect(error).toMatchObject({ code: 'network', exitStatus: 69, hint });
    site.config.httpsProxy = '';
    await site.goodRun();
  });

  it('that listens hears where to, and of the rest nothing that it can read', async () => {
    let heard = '';
    const port = await startRawServer((client) => {
      client.once('data', (request) => {
        heard += request.toString('latin1');
        const server = lead(client, Number(new URL(site.server.url).port));
        server.pipe(client);
        for (const end of [client, server]) end.on('data', (bytes) => (heard += bytes.toString('latin1')));
      });
    });
    site.config.httpsProxy = `http://127.0.0.1:${port}`;
    await site.goodRun();
    expect(heard).toMatch(/^CONNECT 127\.0\.0\.1:\d+ HTTP\/1\.1\r\n/);
    expect(heard.length).toBeGreaterThan(site.file.length);
    for (const word of [site.token.reveal(), '/v1/', 'authorization', '121.1', MACHINE.kernel]) {
      expect(heard).not.toContain(word);
    }
  });

  it('of which there is none: the environment names nonsense', async () => {
    site.network.env = { HTTPS_PROXY: 'http://user:opensesame%@proxy' };
    const error = await site.failingRun();
    expect(error).toMatchObject({
      code: 'config',
      exitStatus: 78,
      message: 'HTTPS_PROXY: holds a % in its user or password that encodes nothing: write %25 there',
    });
  });
});
