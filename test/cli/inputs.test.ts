import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { EXIT_STATUS } from '../../src/errors.ts';
import { Secret } from '../../src/secret.ts';
import { EMPTY_STATE } from '../../src/store/state.ts';
import { patchFile, signedModule } from '../patch/make/patch.ts';
import { makeSigner, type Signer } from '../patch/make/pki.ts';
import { REFUSED, TAKEN, UNUSABLE } from '../store/config-values.ts';
import { OBSTACLES } from '../store/obstacles.ts';
import { canMount, machine, TOKEN } from './machine.ts';

/** What administrators type and break, on the built command. */

describe('config on the built command', () => {
  it.each([...REFUSED, ...UNUSABLE])(
    'refuses %s=%j, and leaves all as it was',
    async (key, value, reason) => {
      const { common, run } = await machine();
      const path = join(common, 'config');
      writeFileSync(path, 'tier: edge\nlog-level: "broken\n');
      const isLine = !value.includes('\n');
      const words = ['config', 'dial-timeout=33s', `${key}=${isLine ? value : '@stdin'}`];
      const { status, stderr, stdout } = await run(words, { stdin: value });
      expect([status, stdout]).toEqual([78, '']);
      expect(stderr).toContain(`config update aborted: ${reason}\nNothing was changed. `);
      expect(stderr).not.toContain('opensesame');
      expect(readFileSync(path, 'utf8')).toBe('tier: edge\nlog-level: "broken\n');
    },
  );

  // White space around it, as `echo … | config key=@stdin` and editors leave it.
  it.each(TAKEN)('takes %s=%j, and says so when it is asked', async (key, value) => {
    const { run, store } = await machine();
    expect(await run(['config', `${key}=@stdin`], { stdin: `${value}\n` })).toMatchObject({
      status: 0,
      stdout: '',
    });
    expect(store.config.problems()).toEqual([]);
    const { stdout } = await run(['config', key, '--format', 'json']);
    const kept = JSON.parse(stdout)[key];
    const certificates = (text: string) => text.match(/BEGIN CERT/g)?.length;
    expect(certificates(kept)).toBe(certificates(value));
    if (!/[\n\ufeff]/.test(value.trim())) expect(kept).toBe(value.trim());
  });
});

/** All that is read between runs, by its place under common or data; a directory of ours is listed as one. */
const PLACES = [
  ...['machine-token', 'config', 'last-check', 'snap-settings', 'run-lock', 'patches', 'locks', 'catalogue'],
  ...['locks/livepatch_x_121.1', 'logs', 'logs/security.log'],
].map((place) => join('common', place));
PLACES.push(
  ...['state.json', 'cves.json', 'pings.json', 'history', 'history/events.log'].map((place) =>
    join('data', place),
  ),
);

describe('whatever is on disk, on the built command', () => {
  // A server that has no time for anybody: to be refused is the soonest end of a run.
  const server = createHttpServer((_, response) => void response.writeHead(403).end());
  let port = 0;
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
  });
  afterAll(() => void server.close());

  // One of each kind; the tests of each file know them all.
  const kinds = [
    'garbage',
    'bytes that are not UTF-8',
    'a huge file',
    'a directory that holds something',
    'a link',
    'a FIFO',
  ];
  const rows = PLACES.flatMap((place) => kinds.map((what) => [place, what] as const));

  it.each(rows)('with %s that is %s, every run ends in words, and disable ends well', async (place, what) => {
    const { run, snap, store } = await machine({ ...EMPTY_STATE });
    store.config.update({ 'remote-server': `http://127.0.0.1:${port}` });
    const path = join(snap, place);
    mkdirSync(dirname(path), { recursive: true });
    rmSync(path, { recursive: true, force: true });
    OBSTACLES[what]?.(path);

    const ended = [];
    for (const words of [['status'], ['refresh'], ['disable']]) ended.push(await run(words));
    for (const { status, stderr, stdout } of ended) {
      expect(Object.values<number>(EXIT_STATUS).concat(0)).toContain(status);
      expect(stderr).toMatch(/^[\x20-\x7e\n]*$/);
      expect(stderr + stdout).not.toMatch(/\n {4}at |TypeError|SyntaxError|[A-Z]RR_[A-Z]/);
      expect(stderr + stdout).not.toContain(TOKEN);
      if (status !== 0) expect(stderr).not.toBe('');
    }
    expect(ended.at(-1)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('Successfully disabled device.'),
    });
    expect(store.token.exists()).toBe(false);
  });
});

/** What the words of the switch make of a run: on the kernel's command line, as boot loaders and people put them. */
const SWITCH = 'canonical_livepatch_mode';
const REAL_LINE = 'BOOT_IMAGE=/boot/vmlinuz-6.8.0-45-generic root=UUID=5c0ffee ro quiet splash';

describe.runIf(canMount())('the kill switch on the built command', () => {
  it.each([
    [`${SWITCH}=stop`, 'stop'],
    [`${SWITCH}=normal quiet ${SWITCH}=stop`, 'stop'],
    [`"${SWITCH}=stop"`, 'stop'],
    [`${SWITCH}="stop"`, 'stop'],
    [`${SWITCH}=halt`, 'stop'],
    [`${SWITCH}=`, 'stop'],
    [`${SWITCH}=no-refresh`, 'no-refresh'],
    [`${SWITCH}=normal ${SWITCH}=no-refresh`, 'no-refresh'],
    [`${SWITCH}=no-apply ${SWITCH}=no-refresh`, 'stop'],
  ])('of %s has nobody asked, and says that it is on', async (words, mode) => {
    const says = mode === 'stop' ? 'nobody is contacted and nothing is applied' : 'nobody is contacted';
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { run, store } = await machine({ ...EMPTY_STATE });
    const { port } = server.address() as AddressInfo;
    store.config.update({ 'remote-server': `https://127.0.0.1:${port}` });
    const commandLine = `${REAL_LINE} ${words}`;
    const refreshed = await run(['refresh'], { commandLine });
    expect(refreshed).toMatchObject({ status: 0, stdout: expect.stringContaining(SWITCH) });
    const said = await run(['doctor'], { commandLine });
    expect(said.stdout).toContain(`✗ mode: ${SWITCH}, set in the kernel command line: ${says}\n`);
    expect((await run(['status', '--format', 'humane'], { commandLine })).stdout).toContain(SWITCH);
    const ended = await run(['disable'], { commandLine });
    const untold = `warning: the server could not be told: ${SWITCH} forbids it\n`;
    expect(ended).toMatchObject({ status: 0, stderr: untold });
    expect(connections).toBe(0);
    // Without the word the same machine asks.
    store.token.write(new Secret(TOKEN));
    await run(['refresh'], { commandLine: REAL_LINE });
    expect(connections).toBeGreaterThan(0);
  });
});

describe('verify on the built command, by somebody who is not root', () => {
  async function scene(shipped: boolean) {
    const [signer, configured] = [makeSigner(), makeSigner({ subject: '/CN=Configured' })];
    const { run, snap, store } = await machine();
    if (shipped) {
      mkdirSync(join(snap, 'keys'));
      writeFileSync(join(snap, 'keys/signer.pem'), signer.pem);
    }
    store.config.update({ 'signing-certs': configured.pem });
    const fileOf = (name: string, by: Signer) => {
      const path = join(snap, name);
      writeFileSync(path, patchFile(by, signedModule(by)));
      return path;
    };
    return { run, ours: fileOf('ours.tar.gz', signer), other: fileOf('other.tar.gz', configured) };
  }

  it('goes by what the package ships, and says what does not count', async () => {
    const { other, ours, run } = await scene(true);
    expect(await run(['verify', ours], { asNobody: true })).toMatchObject({
      status: 0,
      stderr: expect.stringContaining(
        'certificates of signing-certs do not count: only root may read them\n',
      ),
    });
    expect((await run(['verify', other], { asNobody: true })).status).toBe(65);
    expect((await run(['verify', other])).status).toBe(0);
  });

  it('says what to do where nothing is shipped', async () => {
    const { ours, run } = await scene(false);
    expect(await run(['verify', ours], { asNobody: true })).toMatchObject({
      status: 77,
      stdout: '',
      stderr: expect.stringMatching(/only root may read .*config\nName the certificates .* --keys\.\n$/),
    });
  });
});

describe('a token that cannot be one, on the built command', () => {
  it.each(['', 'garbage', 'two\nlines'])('%j says what to do, which helps', async (text) => {
    const { common, run, store } = await machine({ ...EMPTY_STATE });
    store.config.update({ 'remote-server': 'https://127.0.0.1:1' });
    writeFileSync(join(common, 'machine-token'), text);
    const refreshed = await run(['refresh']);
    expect(refreshed).toMatchObject({ status: 74, stdout: '' });
    expect(refreshed.stderr).toContain("Run 'sudo canonical-livepatch disable', which removes it");
    expect(await run(['enable', 'token-token-token'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("'disable'"),
    });
    expect((await run(['disable'])).status).toBe(0);
    // Past the token: what stops it now is this machine's kernel, or the server that is not there.
    const enabled = await run(['enable', 'token-token-token']);
    expect(enabled.stderr).not.toMatch(/machine-token/i);
    expect(enabled.status).not.toBe(1);
  });
});
