import type * as dns from 'node:dns';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { expect, it, onTestFinished, vi } from 'vitest';
import { Secret } from '../../src/secret.ts';
import { download } from '../../src/source/download.ts';
import { NETWORK_DEPS } from '../../src/source/network-deps.ts';
import { transport } from '../../src/source/transport.ts';
import { type Handler, newest, startSourceScene } from './scene.ts';

const NAMES = new Map([
  ['inside.example.com', ['127.0.0.1']],
  ['metadata.example.com', ['169.254.169.254']],
  ['mixed.example.com', ['203.0.113.7', '::1']],
]);
vi.mock('node:dns', async (original) => {
  const actual = await original<typeof dns>();
  return {
    ...actual,
    lookup(hostname: string, options: dns.LookupAllOptions, done: (error: null, found: unknown) => void) {
      const found = NAMES.get(hostname)?.map((address) => ({
        address,
        family: address.includes(':') ? 6 : 4,
      }));
      return found === undefined ? actual.lookup(hostname, options, done as never) : done(null, found);
    },
  };
});

/** A server on loopback. @returns its port and the requests that it saw. */
async function listen(handler: Handler): Promise<{ port: number; seen: string[] }> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(request.url ?? '');
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close().closeAllConnections());
  return { port: (server.address() as AddressInfo).port, seen };
}

const CONFIG = { caCerts: '', dialTimeout: 5000, httpProxy: '', httpsProxy: '', noProxy: '' };
const FILE = { sha256: 'a'.repeat(64), size: 1 };
const TOKEN = new Secret('t'.repeat(32));

/** Fetches what a server that is not near names. */
function fetchNamed(url: string, httpProxy = '') {
  const carrier = transport({ ...CONFIG, httpProxy }, 'test', {
    ...NETWORK_DEPS,
    env: {},
    pause: async () => {},
  });
  const server = new URL('https://livepatch.example.com');
  const options = { token: TOKEN, onlyTls: false, peer: '203.0.113.1' };
  return buffer(download(carrier, server, { ...FILE, url }, options));
}

const REFUSED = {
  code: 'bad-answer',
  message: expect.stringMatching(/: the address is that of this machine or its link$/),
};

it.each([
  '127.0.0.1',
  '127.1',
  '2130706433',
  '0.0.0.0',
  '[::1]',
  '[::]',
  '[::ffff:127.0.0.1]',
  'localhost',
  'LOCALHOST.',
  'a.localhost',
  'inside.example.com',
  'mixed.example.com',
])('a server that is elsewhere has nobody ask %s', async (host) => {
  const { port, seen } = await listen((_, response) => void response.end('x'));
  await expect(fetchNamed(`http://${host}:${port}/`)).rejects.toMatchObject(REFUSED);
  expect(seen).toEqual([]);
});

it.each(['169.254.169.254', '[fe80::1]', 'metadata.example.com'])('nor %s', async (host) => {
  await expect(fetchNamed(`http://${host}/latest/`)).rejects.toMatchObject(REFUSED);
});

it('nor by a redirect, nor through a proxy', async () => {
  const proxy = await listen((_, response) => {
    response.writeHead(302, { location: 'http://169.254.169.254/latest/' }).end();
  });
  const httpProxy = `http://127.0.0.1:${proxy.port}`;
  await expect(fetchNamed('http://files.example.com/a', httpProxy)).rejects.toMatchObject(REFUSED);
  expect(proxy.seen).toEqual(['http://files.example.com/a']);
});

it('a server behind a proxy may not either, as far as can be seen from here', async () => {
  const scene = await startSourceScene({ tls: false });
  const { seen, port } = await listen((_, response) => void response.end('x'));
  scene.database.addPatch({
    ...(await scene.addPatch('121.1')),
    file: 'other',
    version: '121.2',
    digest: 'b'.repeat(128),
    sha256: 'b'.repeat(64),
  });
  // Sends everything on to the server, whatever its name.
  const proxy = await listen((request, response) => {
    const { headers, method, url } = request;
    const onward = httpRequest({
      port: scene.server.port,
      path: new URL(url ?? '').pathname,
      method,
      headers,
    });
    onward.on('response', async (answer) => {
      const body = (await buffer(answer))
        .toString()
        .replace('/v1/patches/other', `http://127.0.0.1:${port}/secret`);
      response.writeHead(answer.statusCode ?? 0, { 'content-type': 'application/json' }).end(body);
    });
    request.pipe(onward);
  });
  const remoteServer = new URL('http://livepatch.example.com');
  const server = scene.source({ remoteServer, httpProxy: `http://127.0.0.1:${proxy.port}` });
  const candidate = await newest(server, scene.token);
  expect(candidate.version).toBe('121.2');
  await expect(buffer(server.fetch(candidate, scene.token))).rejects.toMatchObject(REFUSED);
  expect(seen).toEqual([]);
});

it('a server on this machine may name what is on this machine', async () => {
  const scene = await startSourceScene();
  const patch = await scene.addPatch('121.1');
  const { port, seen } = await listen((_, response) => void response.end(Buffer.alloc(patch.size)));
  scene.misbehave(/^\/v1\/patches\//, (_, response) => {
    response.writeHead(302, { location: `https://127.0.0.1:${port}/` }).end();
  });
  const server = scene.source();
  const error = await buffer(server.fetch(await newest(server, scene.token), scene.token)).catch(
    (thrown) => thrown,
  );
  // It is asked, and speaks no TLS.
  expect(error).toMatchObject({ code: 'network' });
  expect(seen).toEqual([]);
});
