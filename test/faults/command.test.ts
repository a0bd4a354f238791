import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { linuxKernel } from '../../src/kernel/kernel.ts';
import { LIMITS } from '../../src/limits.ts';
import { Secret } from '../../src/secret.ts';
import { EMPTY_STATE } from '../../src/store/state.ts';
import { openStore } from '../../src/store/store.ts';
import { OURS } from '../operations/scene.ts';
import { makeAuthority } from '../server/pki.ts';
import { startScene } from '../server/scene.ts';
import { advice, answer, CANDIDATE, hintFor, REFUSED, UNUSABLE } from '../source/faults/answers.ts';
import { say, startRawServer } from '../source/faults/raw-server.ts';
import { freePort } from '../source/real-proxies.ts';
import type { Handler } from '../source/scene.ts';
import { temporaryDirectory } from '../temporary.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 30_000 });

const bin = join(import.meta.dirname, '../../bin/canonical-livepatch.js');
const machine = linuxKernel().machine();
const UPDATES = /\/updates$/;

/** This very machine, enabled, and the command as `npm run build` left it. */
async function startMachine() {
  let faults: { path: RegExp; handler: Handler }[] = [];
  const server = await startScene({
    async intercept(request, response) {
      const fault = faults.find(({ path }) => path.test(request.url ?? ''));
      await fault?.handler(request, response);
      return fault !== undefined;
    },
  });
  const snap = temporaryDirectory();
  const env = {
    PATH: process.env.PATH,
    LIVEPATCH_ROOT: snap,
    SNAP: snap,
    SNAP_COMMON: join(snap, 'common'),
    SNAP_DATA: join(snap, 'data'),
  };
  mkdirSync(env.SNAP_COMMON);
  const store = openStore(env);
  store.config.update({
    'remote-server': server.server.url,
    'ca-certs': server.pki.caPem,
    'signing-certs': OURS.pem,
  });
  server.database.setKernel(machine.kernel, machine.architecture, { support: 'supported' });
  const token = await server.register('stable', machine.id);
  store.token.write(new Secret(token));
  const run = (words: string[], options: object = {}) =>
    execa(process.execPath, [bin, ...words], {
      env,
      extendEnv: false,
      reject: false,
      timeout: 50_000,
      ...options,
    });

  return {
    ...server,
    ...env,
    store,
    token,
    run,
    misbehave(path: RegExp, handler: Handler): void {
      faults.push({ path, handler });
    },
    /** Offers a patch file at an address, and CVE data. */
    offer(url = '/v1/patches/some'): void {
      faults.push({
        path: UPDATES,
        handler: advice({
          candidates: [{ ...CANDIDATE, url, sha256: 'a'.repeat(64), size: 100 }],
          cves: 'b'.repeat(64),
        }),
      });
    },
    behave(): void {
      faults = [];
    },
  };
}

let site: Awaited<ReturnType<typeof startMachine>>;
beforeEach(async () => {
  site = await startMachine();
  return () => site.end();
});

const REQUEST = `POST request to "<server>/v1/client/${machine.id}/updates"`;
const FILE = 'GET request to "<server>/v1/patches/some"';
const NO_SERVER =
  'Is remote-server the address of a Livepatch server that speaks protocol version 2? A proxy, or the login page of a network, may have answered in its place.';

type Fault = [
  name: string,
  cause: () => void | Promise<void>,
  message: string,
  hint: string,
  exitCode: number,
];

const FAULTS: Fault[] = [
  ...REFUSED.map(
    ([name, handler, reason]): Fault => [
      name,
      () => site.misbehave(UPDATES, handler),
      `livepatch check failed: ${REQUEST} failed: ${reason}`,
      hintFor(reason),
      76,
    ],
  ),
  ...UNUSABLE.map(
    ([name, handler, reason]): Fault => [
      name,
      () => site.misbehave(UPDATES, handler),
      `livepatch check failed: ${REQUEST} got an unusable answer: ${reason}`,
      name === 'the nonce of another check-in'
        ? 'Does a cache or a proxy stand before remote-server?'
        : NO_SERVER,
      76,
    ],
  ),
  [
    'the end of the registration',
    () => site.misbehave(UPDATES, answer(403, '{"error":"Invalid Machine Token"}')),
    'livepatch check failed: Invalid Machine Token',
    "Run 'sudo canonical-livepatch disable', then enable again.",
    76,
  ],
  [
    'a redirect to another host',
    () => site.misbehave(UPDATES, answer(302, '', { location: 'https://example.com/' })),
    `livepatch check failed: ${REQUEST} failed: the server answered 302`,
    hintFor('302'),
    76,
  ],
  [
    'a broken connection',
    () => site.misbehave(UPDATES, (_, response) => void response.destroy()),
    `livepatch check failed: ${REQUEST} failed`,
    'The connection broke off; if it does so again, check proxies and firewalls.',
    69,
  ],
  [
    'a stranger in its place',
    async () => site.store.config.update({ 'ca-certs': (await makeAuthority(temporaryDirectory())).caPem }),
    `livepatch check failed: ${REQUEST} failed`,
    "The server's TLS certificate is signed by no CA that is trusted here; add the CA to ca-certs.",
    69,
  ],
  [
    'a patch file that is not there',
    () => site.offer(),
    `${FILE} failed: the server answered 404`,
    'The patch is listed, but its file cannot be had: tell those who publish your patches.',
    76,
  ],
  [
    'a patch file at a file',
    () => site.offer('file:///etc/shadow'),
    'GET request to "file:///etc/shadow" got an unusable answer: file: is not allowed for a patch file',
    NO_SERVER,
    76,
  ],
];

describe('the built command ends as it should when the server answers with', () => {
  it.each(FAULTS)('%s', async (_name, cause, message, hint, exitCode) => {
    await cause();
    const { config } = site.store;
    const url = site.server.url;
    const failed = await site.run(['refresh']);
    expect(failed.stderr.split('\n').slice(-2)).toEqual([message.replaceAll('<server>', url), hint]);
    expect(failed).toMatchObject({ stdout: '', exitCode });
    expect(readdirSync(join(site.SNAP_COMMON, 'patches'))).toEqual([]);

    site.behave();
    config.update({ 'ca-certs': site.pki.caPem });
    site.store.state.write(EMPTY_STATE);
    expect(await site.run(['refresh'])).toMatchObject({
      stdout: 'nothing to do: no patch is due',
      exitCode: 0,
    });
  });
});

it.each([
  [
    'a refusal',
    answer(400, '{"error":"no"}'),
    [
      'livepatch check failed: no',
      "The server does not take this request: its log says more. 'sudo canonical-livepatch doctor' looks at this machine.",
    ],
  ],
  [
    'a broken connection',
    (_, response) => void response.destroy(),
    [
      `livepatch check failed: ${REQUEST} failed`,
      'The connection broke off; if it does so again, check proxies and firewalls.',
      expect.stringMatching(/^caused by: [a-zA-Z ]+$/),
    ],
  ],
] satisfies [string, Handler, unknown[]][])(
  '--debug tells what caused %s, in words',
  async (_what, handler, lines) => {
    site.misbehave(UPDATES, handler);
    const { stderr } = await site.run(['refresh', '--debug']);
    const said = stderr.replaceAll(site.server.url, '<server>').split('\n');
    expect(said.slice(said.findLastIndex((line) => line.startsWith('livepatch check failed')))).toEqual(
      lines,
    );
  },
);

it('is held by a server that hangs on pings and CVE data no longer than their limits', async () => {
  const { cvesTime, pingTime } = LIMITS.network;
  site.offer();
  site.misbehave(/\/(pings|cves)$/, () => {});
  const began = performance.now();
  expect(await site.run(['refresh'])).toMatchObject({ exitCode: 76 });
  expect(performance.now() - began).toBeGreaterThan(cvesTime);
  // Both at once, and the rest of the run on a busy machine.
  expect(performance.now() - began).toBeLessThan(cvesTime + pingTime + 3000);
});

describe('the machine token', () => {
  it('is not in the arguments or the environment of the command, its children, or what it prints', async () => {
    const seen: string[] = [];
    let release = (): void => {};
    const asked = new Promise<void>((resolve) => {
      site.misbehave(UPDATES, async (_, response) => {
        resolve();
        await new Promise<void>((proceed) => {
          release = proceed;
        });
        response.writeHead(500).end();
      });
    });
    const child = site.run(['refresh']);
    await asked;
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      for (const file of ['cmdline', 'environ']) {
        try {
          seen.push(readFileSync(join('/proc', pid, file), 'utf8'));
        } catch {
          // A process that has ended meanwhile.
        }
      }
    }
    release();
    const { stderr, stdout } = await child;
    expect(seen.some((text) => text.includes('canonical-livepatch.js\0refresh'))).toBe(true);
    expect([...seen, stderr, stdout].filter((text) => text.includes(site.token))).toEqual([]);
  });

  it('is in one file alone, 0600', async () => {
    await site.run(['refresh']);
    const holders = readdirSync(site.SNAP, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name))
      .filter((path) => readFileSync(path, 'utf8').includes(site.token));
    expect(holders).toEqual([join(site.SNAP_COMMON, 'machine-token')]);
  });
});

describe('however much is logged, neither the token nor a password of a proxy is', () => {
  const PASSWORD = 'opensesame';
  const nobody = async () => `127.0.0.1:${await freePort()}`;
  const echo: Handler = (request, response) =>
    void response.writeHead(400).end(JSON.stringify({ error: `not ${request.headers.authorization}` }));
  const toHttp: Handler = (_, response) =>
    void response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end();
  const nonsense: Handler = (request, response) => void response.end(String(request.headers.authorization));

  it.each<[string, () => void | Promise<void>, NodeJS.ProcessEnv?]>([
    ['a refusal that repeats the token', () => site.misbehave(UPDATES, echo)],
    ['an answer that is the token', () => site.misbehave(UPDATES, nonsense)],
    ['a redirect to http', () => site.misbehave(UPDATES, toHttp)],
    ['a broken connection', () => site.misbehave(UPDATES, (_, response) => void response.destroy())],
    ...['http', 'https', 'socks5'].map((scheme): [string, () => Promise<void>] => [
      `a proxy of which nobody is at home (${scheme})`,
      async () => site.store.config.update({ 'https-proxy': `${scheme}://u:${PASSWORD}@${await nobody()}` }),
    ]),
    [
      'a proxy that refuses the password',
      async () => {
        const port = await startRawServer(say('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'));
        site.store.config.update({ 'https-proxy': `http://u:${PASSWORD}@127.0.0.1:${port}` });
      },
    ],
    ['a proxy of the environment that is none', () => {}, { HTTPS_PROXY: `gopher://u:${PASSWORD}@proxy` }],
    ['a proxy of the environment', () => {}, { https_proxy: `http://u:${PASSWORD}@127.0.0.1:1` }],
  ])('%s', async (_what, cause, env = {}) => {
    site.store.config.update({ 'log-level': 'debug', 'dial-timeout': '2s' });
    await cause();
    const { LIVEPATCH_ROOT, SNAP_COMMON, SNAP_DATA } = site;
    const { exitCode, stderr, stdout } = await site.run(['refresh', '--debug'], {
      env: { PATH: process.env.PATH, LIVEPATCH_ROOT, ...env },
    });
    expect(exitCode).toBeGreaterThan(0);
    expect(stderr).toContain('livepatch check failed: ');
    const logs = ['history', 'state.json'].flatMap((name) => allUnder(join(SNAP_DATA, name)));
    const shown = [stderr, stdout, ...logs, ...allUnder(join(SNAP_COMMON, 'logs'))].join('\n');
    for (const secret of [site.token, PASSWORD, btoa(`u:${PASSWORD}`)]) expect(shown).not.toContain(secret);
  });
});

/** The text of a file, or of every file in a directory; of nothing when it is not there. */
function allUnder(path: string): string[] {
  if (!existsSync(path)) return [];
  if (!statSync(path).isDirectory()) return [readFileSync(path, 'utf8')];
  return readdirSync(path).flatMap((name) => allUnder(join(path, name)));
}

describe('enable -', () => {
  it('takes the token from standard input, and repeats it nowhere', async () => {
    site.store.token.remove();
    const { stderr, exitCode } = await site.run(['enable', '-'], { input: 'opensesame-opensesame\nmore\n' });
    // This machine has no live patching, or its token is unknown; either way it was read, and is not repeated.
    expect(exitCode).toBeGreaterThan(0);
    expect(stderr).not.toContain('opensesame');
  });

  it.each([
    ['nothing', '', 'standard input holds no token'],
    ['an empty line', '\n', 'standard input holds no token'],
    [
      'a binary',
      '\x00\x01\x02\x03\x04\x05\x06\x07\x08\n',
      'the token must be 8 to 1024 printable characters without spaces',
    ],
  ])('refuses %s', async (_what, input, message) => {
    site.store.token.remove();
    const { stderr, exitCode } = await site.run(['enable', '-'], { input });
    expect(stderr.split('\n')[0]).toBe(message);
    expect(exitCode).toBe(64);
  });
});

// Only root can mount, and not everywhere.
it.runIf(spawnSync('unshare', ['--mount', 'true']).status === 0)('trusts the CAs of the host', async () => {
  site.store.config.update({ 'ca-certs': '' });
  expect(await site.run(['refresh'])).toMatchObject({ exitCode: 69 });
  const pool = join(temporaryDirectory(), 'ca.pem');
  writeFileSync(pool, site.pki.caPem);
  const { LIVEPATCH_ROOT, PATH } = site;
  const mount = 'mount --bind "$1" /etc/ssl/certs/ca-certificates.crt && exec "$2" "$3" refresh';
  const inPlace = await execa('unshare', ['--mount', 'sh', '-c', mount, 'sh', pool, process.execPath, bin], {
    env: { PATH, LIVEPATCH_ROOT },
    extendEnv: false,
    reject: false,
  });
  expect(inPlace).toMatchObject({ exitCode: 0, stdout: 'nothing to do: no patch is due' });
});

it('trusts nobody more for NODE_TLS_REJECT_UNAUTHORIZED=0', async () => {
  site.store.config.update({ 'ca-certs': '' });
  const { NODE_TLS_REJECT_UNAUTHORIZED: _, ...env } = process.env;
  const failed = await site.run(['refresh'], {
    env: {
      ...env,
      LIVEPATCH_ROOT: site.LIVEPATCH_ROOT,
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
    },
  });
  expect(failed).toMatchObject({
    exitCode: 69,
    stdout: '',
    stderr: expect.stringContaining('TLS certificate is signed by no CA that is trusted here'),
  });
});

it('a server that is killed in the middle of its answer, and comes back', async () => {
  const half = await startRawServer(say('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"schema"'), {
    cert: site.pki.certPem,
    key: site.pki.keyPem,
  });
  site.store.config.update({ 'remote-server': `https://127.0.0.1:${half}`, 'dial-timeout': '2s' });
  expect(await site.run(['refresh'])).toMatchObject({ exitCode: 69, stdout: '' });
  site.store.config.update({ 'remote-server': `https://127.0.0.1:${await freePort()}` });
  expect(await site.run(['refresh'])).toMatchObject({ exitCode: 69, stdout: '' });
  site.store.config.update({ 'remote-server': site.server.url });
  expect(await site.run(['refresh'])).toMatchObject({ exitCode: 0 });
});

describe('ca-certs of the built command', () => {
  it.each(['its root', 'itself alone, as curl takes it', 'text around it'])(
    'may hold, of the server, %s',
    async (what) => {
      const { caPem, certPem } = site.pki;
      const pem = {
        'its root': caPem,
        'text around it': `subject=CN = x\r\n${caPem.replaceAll('\n', '\r\n')}\r\nend`,
      }[what];
      expect((await site.run(['config', 'ca-certs=@stdin'], { input: pem ?? certPem })).exitCode).toBe(0);
      expect(await site.run(['refresh'])).toMatchObject({ exitCode: 0 });
    },
  );
});

describe('no-proxy of the built command', () => {
  // A proxy that is not there: the server is reached only past it.
  const PROXY = 'http://127.0.0.1:1';
  const port = () => new URL(site.server.url).port;

  it.each([
    ['*', true],
    ['127.0.0.1', true],
    [' 127.0.0.1 , livepatch.test', true],
    ['livepatch.test 127.0.0.1', true],
    ['127.0.0.0/8', true],
    ['127.0.0.1/32', true],
    ['127.0.0.1:PORT', true],
    ['127.0.0.2', false],
    ['127.0.0.0/31', true],
    ['127.0.0.2/31', false],
    ['127.0.0.1:1', false],
    ['livepatch.test', false],
    ['::1', false],
  ])('%j reaches the server past the proxy: %s', async (entry, reaches) => {
    const noProxy = entry.replace('PORT', port());
    expect((await site.run(['config', `https-proxy=${PROXY}`, `no-proxy=${noProxy}`])).exitCode).toBe(0);
    // What cannot be reached is given up soon.
    const asked = site.server.requests.length;
    const { exitCode } = await site.run(['config', `remote-server=${site.server.url}/`]);
    expect(exitCode).toBe(reaches ? 0 : 69);
    expect(site.server.requests.length - asked).toBe(reaches ? 1 : 0);
  });
});
