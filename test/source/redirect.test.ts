import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { newest, REPORT, startSourceScene } from './scene.ts';

/** A scene of an https server, with an http one that answers like this in front of it. */
async function startFront(locationOf: (request: IncomingMessage, https: URL) => string, status = 301) {
  const scene = await startSourceScene();
  await scene.addPatch('121.1');
  const seen: IncomingMessage[] = [];
  const front = createServer((request, response) => {
    seen.push(request);
    response.writeHead(status, { location: locationOf(request, new URL(scene.server.url)) }).end();
  });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void front.close().closeAllConnections());
  const remoteServer = new URL(`http://127.0.0.1:${(front.address() as AddressInfo).port}`);
  return { ...scene, seen, server: scene.source({ remoteServer }), https: scene.server.url };
}

const toHttps = ({ url }: IncomingMessage, { origin }: URL) => `${origin}${url}`;

describe('a server at http that redirects to https on its host', () => {
  it.each([301, 302, 303, 307, 308])('is asked there, by %i, and gets no token before', async (status) => {
    const { database, https, seen, server, token, told } = await startFront(toHttps, status);
    const candidate = await newest(server, token);
    expect(await buffer(server.fetch(candidate, token))).toHaveLength(candidate.size);
    await server.registry.unregister('0123456789abcdef0123456789abcdef', token);
    expect(database.machineWithToken(token.reveal())).toBeUndefined();

    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual(['GET /v1/api/kernels/supported']);
    expect(seen.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    expect(told).toContain(`remote-server redirects to https; set it to ${https}/`);
  });

  it.each<[string, Parameters<typeof startFront>[0]]>([
    ['to another host', ({ url }) => `https://localhost${url}`],
    ['to another path', (_request, { origin }) => `${origin}/login`],
    ['to http', ({ url, headers }) => `http://${headers.host}${url}`],
    ['to a file', () => 'file:///etc/passwd'],
    ['nowhere', () => ''],
  ])('%s is refused without a token', async (_what, locationOf) => {
    const { cameFrom, seen, server, token } = await startFront(locationOf);
    cameFrom.length = 0;
    await expect(server.checkIn(REPORT, token)).rejects.toMatchObject({
      code: 'server-refused',
      message: expect.stringMatching(/: the server answered 301$/),
    });
    expect(seen.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    expect(cameFrom).toEqual([]);
  });

  it('a second time, from https, is refused', async () => {
    const { misbehave, server, token } = await startFront(toHttps);
    misbehave(
      /\/updates$/,
      (request, response) => void response.writeHead(308, { location: request.url }).end(),
    );
    await expect(server.checkIn(REPORT, token)).rejects.toMatchObject({ code: 'server-refused' });
  });
});

it('a server at http that answers is told the token, as configured', async () => {
  const scene = await startSourceScene({ tls: false });
  expect(await scene.source().checkIn(REPORT, scene.token)).toMatchObject({ advice: { tier: 'stable' } });
});
