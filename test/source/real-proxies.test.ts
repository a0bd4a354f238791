import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  CREDENTIALS,
  EXITS,
  freePort,
  hasDante,
  PASSWORDS,
  startDante,
  startHttpProxy,
  startMicrosocks,
  startTlsFront,
} from './real-proxies.ts';
import { newest, REPORT, type SourceScene, startSourceScene } from './scene.ts';

vi.setConfig({ testTimeout: 30_000 });

type Scene = SourceScene;

/** What a whole run asks of a source, by a new one each time. @returns the bytes of the newest file. */
async function wholeRun({ source, token }: Scene, ...changes: Parameters<Scene['source']>): Promise<Buffer> {
  const server = source(...changes);
  return buffer(server.fetch(await newest(server, token), token));
}

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
    async ({ pki }) => `https://127.0.0.1:${await startTlsFront(await startHttpProxy(), pki)}`,
  ],
  [
    'an https proxy with a password',
    'http',
    async ({ pki }) =>
      `https://${CREDENTIALS.http}@127.0.0.1:${await startTlsFront(await startHttpProxy({ auth: true }), pki)}`,
  ],
  ['a socks5 proxy', 'dante', async () => `socks5://127.0.0.1:${await startDante()}`],
  [
    'a socks5 proxy with a password',
    'socks5',
    async () => `socks5://${CREDENTIALS.socks5}@127.0.0.1:${await startMicrosocks()}`,
  ],
];

/** Debian 13 has no dante. */
const lacks = (exit: keyof typeof EXITS) => exit === 'dante' && !hasDante;

describe.each([
  { server: 'https', key: 'httpsProxy', tls: true },
  { server: 'http', key: 'httpProxy', tls: false },
])('an $server server', ({ key, tls }) => {
  it.for(PROXIES)('is reached through %s, download included', async ([_what, exit, start], { skip }) => {
    skip(lacks(exit), 'no dante here');
    const scene = await startSourceScene({ tls });
    const { size } = await scene.addPatch('121.1');
    const proxy = await start(scene);
    scene.cameFrom.length = 0;
    expect(await wholeRun(scene, { [key]: proxy })).toHaveLength(size);
    expect(new Set(scene.cameFrom)).toEqual(new Set([EXITS[exit]]));
  });
});

const SECRETS = [
  'wr0ng-secret',
  ...Object.values(PASSWORDS),
  ...Object.values(CREDENTIALS),
  ...Object.values(PASSWORDS).map((password) => btoa(`fleet:${password}`)),
];

it.for(PROXIES)(
  'a download through %s may take longer than the dialling',
  async ([_what, exit, start], { skip }) => {
    skip(lacks(exit), 'no dante here');
    const scene = await startSourceScene();
    const { file, size } = await scene.addPatch('121.1');
    const bytes = readFileSync(join(scene.files, file));
    scene.misbehave(/^\/v1\/patches\//, (_request, response) => {
      response.writeHead(200, { 'content-length': bytes.length });
      for (const part of [0, 1, 2]) {
        setTimeout(
          () => response.write(bytes.subarray(part * 500, part === 2 ? bytes.length : part * 500 + 500)),
          part * 800,
        );
      }
    });
    expect(await wholeRun(scene, { httpsProxy: await start(scene), dialTimeout: 1000 })).toHaveLength(size);
    expect(scene.server.requests.filter(({ path }) => path.startsWith('/v1/patches/'))).toHaveLength(1);
  },
);

const WRONG_PASSWORD = 'The proxy wants another user or password; set them in http-proxy or https-proxy.';

describe('a proxy', () => {
  it.each<[string, (scene: Scene) => Promise<string>, string]>([
    [
      'that does not run',
      async () => `http://${CREDENTIALS.http}@127.0.0.1:${await freePort()}`,
      'Nothing answers at that address; check remote-server, proxies and firewalls.',
    ],
    [
      'that wants a password',
      async () => `http://127.0.0.1:${await startHttpProxy({ auth: true })}`,
      WRONG_PASSWORD,
    ],
    [
      'that wants another password',
      async () => `http://other:wr0ng-secret@127.0.0.1:${await startHttpProxy({ auth: true })}`,
      WRONG_PASSWORD,
    ],
    [
      'that speaks SOCKS 5 and wants a password',
      async () => `socks5://127.0.0.1:${await startMicrosocks()}`,
      WRONG_PASSWORD,
    ],
    [
      'that speaks SOCKS 5 and wants another password',
      async () => `socks5://other:wr0ng-secret@127.0.0.1:${await startMicrosocks()}`,
      WRONG_PASSWORD,
    ],
    [
      'whose certificate is for another host',
      async ({ pki }) =>
        `https://${CREDENTIALS.http}@127.0.0.1:${await startTlsFront(await startHttpProxy(), pki, ['livepatch.test'])}`,
      "The server's TLS certificate is for another host name; check remote-server, and whether the network wants a login first.",
    ],
  ])('%s: an error without its password', async (_what, start, hint) => {
    const scene = await startSourceScene();
    const httpsProxy = await start(scene);
    scene.cameFrom.length = 0;
    const error = await wholeRun(scene, { httpsProxy }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'network', hint });
    const shown = inspect([error, scene.told], { depth: 20, showHidden: true });
    for (const secret of SECRETS) expect(shown).not.toContain(secret);
    expect(scene.cameFrom).toEqual([]);
  });

  it.each(['http', 'https', 'socks5'])('whose name is unknown is named: %s', async (scheme) => {
    const proxy = `${scheme}://${CREDENTIALS.socks5}@proxy.invalid:3128`;
    for (const tls of [true, false]) {
      const scene = await startSourceScene({ tls });
      const error = await wholeRun(scene, { httpProxy: proxy, httpsProxy: proxy }).catch((thrown) => thrown);
      expect(error).toMatchObject({
        code: 'network',
        hint: 'The name of the proxy, proxy.invalid, cannot be resolved; check DNS, http-proxy and https-proxy.',
      });
      // It may be found later, at boot.
      expect(scene.told).toHaveLength(3);
    }
  });

  it.each([
    [['Negotiate', 'NTLM'], 'Negotiate and NTLM'],
    [['NTLM'], 'NTLM'],
    [['Digest realm="a Basic, one"'], undefined],
    [['Digest realm="office"'], 'Digest'],
    [['NTLM', 'Basic realm="office"'], undefined],
    [[], undefined],
  ])('that offers %j to log in', async (offered, named) => {
    const proxy = createServer((_, response) => {
      response.writeHead(407, { 'proxy-authenticate': offered }).end();
    });
    proxy.on('connect', (_, socket: Socket) => {
      const headers = offered.map((one) => `Proxy-Authenticate: ${one}\r\n`).join('');
      socket.end(`HTTP/1.1 407 Proxy Authentication Required\r\n${headers}\r\n`);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void proxy.close());
    const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    for (const tls of [true, false]) {
      const scene = await startSourceScene({ tls });
      const error = await wholeRun(scene, { httpProxy: address, httpsProxy: address }).catch(
        (thrown) => thrown,
      );
      expect(error).toMatchObject({
        code: 'network',
        hint:
          named === undefined
            ? WRONG_PASSWORD
            : `The proxy takes only ${named} logins, and this client can do only Basic: have it take that, or put a proxy between that logs in, such as cntlm.`,
      });
    }
  });

  it('of the configuration goes before that of the environment, and no-proxy before both', async () => {
    const proxy = `http://127.0.0.1:${await startHttpProxy()}`;
    const nowhere = `http://127.0.0.1:${await freePort()}`;
    const scene = await startSourceScene();
    scene.cameFrom.length = 0;
    await scene.source({}, { env: { HTTPS_PROXY: proxy } }).checkIn(REPORT, scene.token);
    const env = { HTTPS_PROXY: nowhere };
    await scene.source({ httpsProxy: proxy }, { env }).checkIn(REPORT, scene.token);
    await scene.source({ httpsProxy: nowhere, noProxy: '127.0.0.0/8' }, { env }).checkIn(REPORT, scene.token);
    expect(scene.cameFrom).toEqual([EXITS.http, EXITS.http, '127.0.0.1']);
  });
});
