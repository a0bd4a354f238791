import { readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  type Authority,
  issueServerCertificate,
  makeAuthority,
  type ServerCertificate,
} from '../server/pki.ts';
import { temporaryDirectory } from '../temporary.ts';
import { freePort } from './real-proxies.ts';
import { MACHINE, REPORT, startSourceScene } from './scene.ts';

vi.setConfig({ testTimeout: 30_000 });

it('trusts the CAs that are shipped with the client', async () => {
  const scene = await startSourceScene();
  const shipped: string[] = [];
  const checkIn = () =>
    scene.source({ caCerts: '' }, { shippedCas: () => shipped }).checkIn(REPORT, scene.token);
  await expect(checkIn()).rejects.toMatchObject({ code: 'network' });
  shipped.push(readFileSync(join(scene.pki.authority.directory, 'ca.pem'), 'utf8'));
  expect(await checkIn()).toMatchObject({ advice: { tier: 'stable' } });
});

describe('ca-certs', () => {
  /** A CA that is signed by another. */
  async function intermediateOf({ directory: root }: Authority): Promise<Authority> {
    const directory = temporaryDirectory();
    const inside = (name: string) => join(directory, name);
    writeFileSync(
      inside('ext'),
      'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n',
    );
    await execa`openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc
      -keyout ${inside('ca.key')} -out ${inside('ca.csr')} -subj ${'/CN=Intermediate'}`;
    await execa`openssl x509 -req -in ${inside('ca.csr')} -out ${inside('ca.pem')} -days 30
      -CA ${join(root, 'ca.pem')} -CAkey ${join(root, 'ca.key')} -CAcreateserial -extfile ${inside('ext')}`;
    return { directory, caPem: await readFile(inside('ca.pem'), 'utf8') };
  }

  /** A server that tells whether a kernel is supported. @returns its address. */
  async function serve({ certPem, keyPem }: ServerCertificate): Promise<URL> {
    const server: Server = createServer({ cert: certPem, key: keyPem }, (_, response) =>
      response.end('{"Supported":"supported"}'),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close().closeAllConnections());
    return new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  it.each(['root', 'intermediate', 'leaf', 'leaf and intermediate'])('may hold a %s alone', async (which) => {
    const scene = await startSourceScene();
    const root = await makeAuthority(temporaryDirectory());
    const intermediate = await intermediateOf(root);
    const leaf = await issueServerCertificate(intermediate, { hosts: ['127.0.0.1'] });
    const whole = { ...leaf, certPem: leaf.certPem + intermediate.caPem };
    const caCerts = {
      root: root.caPem,
      intermediate: intermediate.caPem,
      leaf: leaf.certPem,
      'leaf and intermediate': leaf.certPem + intermediate.caPem,
    }[which] as string;
    const remoteServer = await serve(which === 'root' ? whole : leaf);
    const support = (caCerts: string) => scene.source({ remoteServer, caCerts }).registry.support(MACHINE);
    expect(await support(caCerts)).toBe('supported');
    await expect(support((await makeAuthority(temporaryDirectory())).caPem)).rejects.toMatchObject({
      code: 'network',
      hint: expect.stringContaining('add the CA to ca-certs'),
    });
  });

  it('may hold a leaf, for its own hosts and days only', async () => {
    const scene = await startSourceScene();
    const root = await makeAuthority(temporaryDirectory());
    const other = await issueServerCertificate(root, { hosts: ['livepatch.test'] });
    const expired = await issueServerCertificate(root, {
      hosts: ['127.0.0.1'],
      notAfter: new Date(Date.now() - 1000),
    });
    for (const [leaf, hint] of [
      [other, /another host name/],
      [expired, /not valid now/],
    ] as const) {
      const { support } = scene.source({ remoteServer: await serve(leaf), caCerts: leaf.certPem }).registry;
      await expect(support(MACHINE)).rejects.toMatchObject({
        code: 'network',
        hint: expect.stringMatching(hint),
      });
    }
  });
});

describe('the environment of the process changes nothing', () => {
  it.each([
    ['NODE_USE_ENV_PROXY', { NODE_USE_ENV_PROXY: '1' }],
    ['NODE_OPTIONS', { NODE_OPTIONS: '--use-env-proxy' }],
    ['NODE_TLS_REJECT_UNAUTHORIZED', { NODE_TLS_REJECT_UNAUTHORIZED: '0' }],
    ['NODE_EXTRA_CA_CERTS', {}],
    ['an old TLS', { NODE_OPTIONS: '--tls-min-v1.0' }],
  ])('%s', async (_what, env) => {
    const nowhere = `http://127.0.0.1:${await freePort()}`;
    for (const tls of [true, false]) {
      const scene = await startSourceScene({ tls });
      await scene.addPatch('121.1');
      const caFile = join(scene.pki.authority.directory, 'ca.pem');
      const ask = (ca: string) =>
        execa(process.execPath, [join(import.meta.dirname, 'ask.ts'), scene.server.url, ca], {
          env: { http_proxy: nowhere, https_proxy: nowhere, NODE_EXTRA_CA_CERTS: caFile, ...env },
          reject: false,
        });
      expect((await ask(caFile)).stdout).toBe('supported');
      if (tls) expect((await ask('')).stdout).toBe('network');
    }
  });
});
