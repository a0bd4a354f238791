import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { enable } from '../../src/operations/enable.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { startScene } from '../operations/scene.ts';
import {
  CREDENTIALS,
  EXITS,
  freePort,
  PASSWORDS,
  startDante,
  startHttpProxy,
  startMicrosocks,
  startTlsFront,
} from './real-proxies.ts';

vi.setConfig({ testTimeout: 30_000 });

/** A machine with a patch due, and the addresses from which its server was reached. */
async function sceneBehindProxies(options: { tls?: boolean } = {}) {
  const cameFrom = new Set<string>();
  const scene = await startScene({
    ...options,
    intercept(request) {
      cameFrom.add(request.socket.remoteAddress ?? '');
      return false;
    },
  });
  scene.publish('121.1');
  return { ...scene, cameFrom };
}

type Scene = Awaited<ReturnType<typeof sceneBehindProxies>>;

const PROXIES: [string, keyof typeof EXITS, (scene: Scene) => Promise<string>][] = [
  ['an http proxy', 'http', async () => `http://127.0.0.1:${await startHttpProxy()}`],
  [
    'an http proxy with a password',
    'http',
    async () => `http://${CREDENTIALS.http}@127.0.0.1:${await startHttpProxy({ auth: true })}`,
  ],
  [
    'an https proxy',
    'http',
    async ({ server }) => `https://127.0.0.1:${await startTlsFront(await startHttpProxy(), server.pki)}`,
  ],
  [
    'an https proxy with a password',
    'http',
    async ({ server }) =>
      `https://${CREDENTIALS.http}@127.0.0.1:${await startTlsFront(await startHttpProxy({ auth: true }), server.pki)}`,
  ],
  ['a socks5 proxy', 'dante', async () => `socks5://127.0.0.1:${await startDante()}`],
  [
    'a socks5 proxy with a password',
    'socks5',
    async () => `socks5://${CREDENTIALS.socks5}@127.0.0.1:${await startMicrosocks()}`,
  ],
];

describe.each([
  { server: 'https', key: 'https-proxy', tls: true },
  { server: 'http', key: 'http-proxy', tls: false },
])('an $server server', ({ key, tls }) => {
  it.each(PROXIES)('is reached through %s, download included', async (_what, exit, start) => {
    const scene = await sceneBehindProxies({ tls });
    scene.store.config.update({ [key]: await start(scene) });
    const { first } = await enable(scene.context, scene.authToken);
    expect(first).toMatchObject({ action: 'applied' });
    expect([...scene.cameFrom]).toEqual([EXITS[exit]]);
  });
});

const SECRETS = [
  'wr0ng-secret',
  ...Object.values(PASSWORDS),
  ...Object.values(CREDENTIALS),
  ...Object.values(PASSWORDS).map((password) => btoa(`fleet:${password}`)),
];

it.each(PROXIES)('a download through %s may take longer than the dialling', async (_what, _exit, start) => {
  const scene = await startScene({
    intercept(request, response) {
      if (!request.url?.startsWith('/v1/patches/')) return false;
      const bytes = readFileSync(join(scene.server.files, request.url.slice('/v1/patches/'.length)));
      response.writeHead(200, { 'content-length': bytes.length });
      for (const part of [0, 1, 2]) {
        setTimeout(
          () => response.write(bytes.subarray(part * 500, part === 2 ? bytes.length : part * 500 + 500)),
          part * 800,
        );
      }
      return true;
    },
  });
  scene.publish('121.1');
  scene.store.config.update({
    'https-proxy': await start({ ...scene, cameFrom: new Set() }),
    'dial-timeout': '1s',
  });
  const { first } = await enable(scene.context, scene.authToken);
  expect(first).toMatchObject({ action: 'applied' });
  expect(scene.server.server.requests.filter(({ path }) => path.startsWith('/v1/patches/'))).toHaveLength(1);
});

describe('a proxy', () => {
  it.each([
    [
      'of which nobody is at home',
      async () => `http://${CREDENTIALS.http}@127.0.0.1:${await freePort()}`,
      'Nothing answers at that address; check remote-server, proxies and firewalls.',
    ],
    [
      'that wants a password',
      async () => `http://127.0.0.1:${await startHttpProxy({ auth: true })}`,
      'The proxy wants another user or password; set them in http-proxy or https-proxy.',
    ],
    [
      'that wants another password',
      async () => `http://other:wr0ng-secret@127.0.0.1:${await startHttpProxy({ auth: true })}`,
      'The proxy wants another user or password; set them in http-proxy or https-proxy.',
    ],
    [
      'that speaks SOCKS 5 and wants a password',
      async () => `socks5://127.0.0.1:${await startMicrosocks()}`,
      'The proxy wants another user or password; set them in http-proxy or https-proxy.',
    ],
    [
      'that speaks SOCKS 5 and wants another password',
      async () => `socks5://other:wr0ng-secret@127.0.0.1:${await startMicrosocks()}`,
      'The proxy wants another user or password; set them in http-proxy or https-proxy.',
    ],
    [
      'whose certificate is for the host of the server instead',
      async ({ server, store }: Scene) => {
        store.config.update({ 'remote-server': 'https://livepatch.test' });
        const proxy = await startHttpProxy();
        return `https://${CREDENTIALS.http}@127.0.0.1:${await startTlsFront(proxy, server.pki, ['livepatch.test'])}`;
      },
      "The server's TLS certificate is for another host name.",
    ],
  ])('%s: an error without its password', async (_what, start, hint) => {
    const scene = await sceneBehindProxies();
    await enable(scene.context, scene.authToken);
    scene.cameFrom.clear();
    scene.store.config.update({ 'https-proxy': await start(scene) });
    const error = await refresh(scene.context).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'network', hint });
    const shown = inspect([error, scene.told, scene.store.state.read()], { depth: 20, showHidden: true });
    for (const secret of SECRETS) expect(shown).not.toContain(secret);
    expect([...scene.cameFrom]).toEqual([]);
  });

  it('of the configuration goes before that of the environment, and no-proxy before both', async () => {
    const proxy = `http://127.0.0.1:${await startHttpProxy()}`;
    const nowhere = `http://127.0.0.1:${await freePort()}`;
    const env: NodeJS.ProcessEnv = { HTTPS_PROXY: proxy };
    const cameFrom: (string | undefined)[] = [];
    const scene = await startScene({
      network: { env },
      intercept(request) {
        if (request.url?.endsWith('/updates')) cameFrom.push(request.socket.remoteAddress);
        return false;
      },
    });
    await enable(scene.context, scene.authToken);
    env.HTTPS_PROXY = nowhere;
    scene.store.config.update({ 'https-proxy': proxy });
    await refresh(scene.context);
    scene.store.config.update({ 'https-proxy': nowhere, 'no-proxy': '127.0.0.0/8' });
    await refresh(scene.context);
    expect(cameFrom).toEqual([EXITS.http, EXITS.http, '127.0.0.1']);
  });
});
