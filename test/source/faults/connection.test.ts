import type { Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { issueServerCertificate, makeAuthority, type ServerCertificate } from '../../server/pki.ts';
import { temporaryDirectory } from '../../temporary.ts';
import { freePort } from '../real-proxies.ts';
import { type FaultySite, startFaultySite } from './faulty.ts';
import { pour, say, startRawServer } from './raw-server.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

let site: FaultySite;
beforeEach(async () => {
  site = await startFaultySite();
  site.config.dialTimeout = 1000;
});

const DAY = 86_400_000;
const OK = 'HTTP/1.1 200 OK\r\n';

const tls = ({ certPem, keyPem }: ServerCertificate): TlsOptions => ({ cert: certPem, key: keyPem });
const silence = (): void => {};

/** A server that has a good certificate, and then says something else than it should. */
const trusted = (talk: (socket: Socket) => void) => () => startRawServer(talk, tls(site.pki));
/** One that says the right things, maybe, but behind a certificate that does not prove it. */
async function presenting(certificate: ServerCertificate, options: TlsOptions = {}): Promise<number> {
  return startRawServer(say(`${OK}\r\n`), { ...tls(certificate), ...options });
}
const issued = (options: { hosts?: string[]; notBefore?: Date; notAfter?: Date }) =>
  issueServerCertificate(site.pki.authority, { hosts: ['127.0.0.1'], ...options });

const BROKE = 'The connection broke off; if it does so again, check proxies and firewalls.';
const LATE = 'There was no answer in time; check remote-server, proxies and firewalls.';
const NO_TLS = 'The peer speaks no TLS 1.2 or newer at that address.';
const STRANGER =
  "The server's TLS certificate is signed by no CA that is trusted here; add the CA to ca-certs.";
const TIME = "The server's TLS certificate is not valid now; check this machine's clock, too.";

const FAILED: [name: string, start: () => Promise<number>, hint: string][] = [
  [
    'a port where nobody listens',
    freePort,
    'Nothing answers at that address; check remote-server, proxies and firewalls.',
  ],
  ['a server that hangs up', () => startRawServer((socket) => socket.destroy()), BROKE],
  ['a server that says nothing, not even in TLS', () => startRawServer(silence), LATE],
  ['a server without TLS', () => startRawServer(say(`${OK}\r\n`)), NO_TLS],
  [
    'a server that knows TLS 1.1 only',
    () =>
      presenting(site.pki, {
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
        ciphers: 'DEFAULT@SECLEVEL=0',
      }),
    NO_TLS,
  ],
  [
    'a certificate that has expired',
    async () =>
      presenting(
        await issued({ notBefore: new Date(Date.now() - 9 * DAY), notAfter: new Date(Date.now() - DAY) }),
      ),
    TIME,
  ],
  [
    'a certificate that is not valid yet',
    async () => presenting(await issued({ notBefore: new Date(Date.now() + DAY) })),
    TIME,
  ],
  [
    'a certificate for another host',
    async () => presenting(await issued({ hosts: ['livepatch.example.com'] })),
    "The server's TLS certificate is for another host name; check remote-server, and whether the network wants a login first.",
  ],
  [
    'a certificate for another address',
    async () => presenting(await issued({ hosts: ['127.0.0.2'] })),
    "The server's TLS certificate is for another host name; check remote-server, and whether the network wants a login first.",
  ],
  [
    'a certificate of another CA',
    async () => {
      const other = await makeAuthority(temporaryDirectory());
      return presenting(await issueServerCertificate(other, { hosts: ['127.0.0.1'] }));
    },
    STRANGER,
  ],
  [
    'a certificate that signed itself',
    async () => {
      const { directory, caPem } = await makeAuthority(temporaryDirectory());
      const { readFileSync } = await import('node:fs');
      return presenting({ certPem: caPem, keyPem: readFileSync(`${directory}/ca.key`, 'utf8') });
    },
    "The server's TLS certificate is not one for a server.",
  ],
  [
    'a server that hangs up when it is asked',
    trusted((socket) => socket.once('data', () => socket.destroy())),
    BROKE,
  ],
  ['a server that does not answer', trusted(silence), LATE],
  ['half a header', trusted(say('HTTP/1.1 200 OK\r\ncontent-le')), BROKE],
  [
    'a header that drips for ever',
    trusted((socket) => {
      socket.once('data', () => {
        socket.write(`${OK}x: `);
        pour(socket, 'y', 50);
      });
    }),
    LATE,
  ],
  ['a body that ends early', trusted(say(`${OK}content-length: 1000\r\n\r\n{"schema":1`)), BROKE],
  [
    'a chunked body that ends early',
    trusted(say(`${OK}transfer-encoding: chunked\r\n\r\n10\r\n{"schema"`)),
    BROKE,
  ],
  [
    'a body that stops half way',
    trusted((socket) =>
      socket.once('data', () => socket.write(`${OK}content-length: 1000\r\n\r\n{"schema":1`)),
    ),
    LATE,
  ],
  [
    'a body that drips for ever',
    trusted((socket) => {
      socket.once('data', () => {
        socket.write(`${OK}\r\n`);
        pour(socket, ' ', 50);
      });
    }),
    LATE,
  ],
  [
    'news of news to come, for ever',
    trusted((socket) => socket.once('data', () => pour(socket, 'HTTP/1.1 102 Processing\r\n\r\n', 50))),
    LATE,
  ],
  [
    'an upgrade to something else',
    trusted(say('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n')),
    LATE,
  ],
];

const NOT_HTTP: [name: string, start: () => Promise<number>, reason: string][] = [
  ['SSH', trusted(say('SSH-2.0-OpenSSH_9.2\r\n')), 'it is not HTTP'],
  ['HTTP/2', trusted(say(Buffer.from('0000120400000000000003000000640004', 'hex'))), 'it is not HTTP'],
  ['zeros', trusted(say(Buffer.alloc(4096))), 'it is not HTTP'],
  [
    'a header without end',
    trusted((socket) => void socket.once('data', () => pour(socket, `${OK}x: ${'y'.repeat(4096)}`))),
    'its header is too long',
  ],
  [
    'headers without end',
    trusted((socket) => void socket.once('data', () => pour(socket, `${OK}x: y${'\r\nx: y'.repeat(500)}`))),
    'its header is too long',
  ],
  ['a length in words', trusted(say(`${OK}content-length: many\r\n\r\n{}`)), 'it is not HTTP'],
  ['two lengths', trusted(say(`${OK}content-length: 2\r\ncontent-length: 3\r\n\r\n{} `)), 'it is not HTTP'],
  [
    'a length and chunks: a smuggled answer',
    trusted(say(`${OK}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`)),
    'it is not HTTP',
  ],
  ['chunks of no size', trusted(say(`${OK}transfer-encoding: chunked\r\n\r\nzz\r\n`)), 'it is not HTTP'],
  ['a NUL in a header', trusted(say(`${OK}x: a\0b\r\n\r\n`)), 'it is not HTTP'],
];

describe('a check-in that meets', () => {
  const named = (port: number) =>
    `POST request to "https://127.0.0.1:${port}/v1/client/${'0123456789abcdef'.repeat(2)}/updates"`;

  async function failAt(port: number) {
    const server = site.server.url;
    site.config.remoteServer = new URL(`https://127.0.0.1:${port}`);
    const error = await site.failingRun();
    site.config.remoteServer = new URL(server);
    await site.goodRun();
    return error;
  }

  it.each(FAILED)('%s', async (_name, start, hint) => {
    const port = await start();
    const error = await failAt(port);
    expect(error.message).toBe(`${named(port)} failed`);
    expect(error).toMatchObject({ code: 'network', exitStatus: 69, hint });
  });

  it.each(NOT_HTTP)('%s', async (_name, start, reason) => {
    const port = await start();
    const error = await failAt(port);
    expect(error.message).toBe(`${named(port)} got an unusable answer: ${reason}`);
    expect(error).toMatchObject({ code: 'bad-answer', exitStatus: 76 });
  });

  it('a name that nobody knows', async () => {
    site.config.remoteServer = new URL('https://livepatch.invalid');
    const error = await site.failingRun();
    expect(error).toMatchObject({
      code: 'network',
      hint: 'The name of the server cannot be resolved; check DNS and remote-server.',
    });
  });
});
