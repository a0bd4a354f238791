import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CheckInAnswer,
  CvesAnswer,
  InfoAnswer,
  RegisterAnswer,
  SupportedAnswer,
} from '../../src/source/server/messages.ts';
import { checkInOf, KERNEL, MACHINE_ID, type Scene, startScene } from './scene.ts';

let scene: Scene;
beforeEach(async () => {
  scene = await startScene();
});
afterEach(() => scene.end());

const registration = { schema: 1, clientVersion: '0.1.0', architecture: 'amd64', kernel: KERNEL };
const OTHER_ID = 'f'.repeat(32);

describe('registering', () => {
  it('turns an auth token into a machine token', async () => {
    const token = scene.database.addAuthToken({ tier: 'beta' });

    const answer = await scene.ask('POST', `/v1/client/${MACHINE_ID}`, { token, body: registration });

    expect(answer.status).toBe(200);
    const { machineToken } = v.parse(RegisterAnswer, answer.body);
    const info = await scene.ask('GET', `/v1/client/${MACHINE_ID}/info`, { token: machineToken });
    expect(v.parse(InfoAnswer, info.body)).toEqual({ schema: 1, tier: 'beta' });
  });

  it.each([
    ['unknown', 'c0ffee00-0000-4000-8000-000000000000'],
    ['no', undefined],
  ])('refuses %s auth token', async (_, token) => {
    const answer = await scene.ask('POST', `/v1/client/${MACHINE_ID}`, {
      ...(token && { token }),
      body: registration,
    });

    expect(answer).toMatchObject({ status: 401, body: { error: 'Unknown Auth-Token' } });
    expect(answer.headers['www-authenticate']).toBe('Bearer');
  });

  it('ends the token of the registration before', async () => {
    const first = await scene.register();
    const second = await scene.register();

    expect((await scene.checkIn(first)).status).toBe(403);
    expect((await scene.checkIn(second)).status).toBe(200);
  });

  it('takes as many machines for a token as it is for, and the same one again', async () => {
    const token = scene.database.addAuthToken({ machines: 1 });
    const register = (id: string) => scene.ask('POST', `/v1/client/${id}`, { token, body: registration });

    expect((await register(MACHINE_ID)).status).toBe(200);
    expect((await register(MACHINE_ID)).status).toBe(200);
    expect(await register(OTHER_ID)).toMatchObject({ status: 403, body: { error: 'Auth-Token is used up' } });
  });

  it('keeps no token in the clear', async () => {
    const token = scene.database.addAuthToken();
    const answer = await scene.ask('POST', `/v1/client/${MACHINE_ID}`, { token, body: registration });

    const stored = Buffer.concat(
      await Promise.all(['', '-wal'].map((end) => readFile(join(scene.directory, `livepatch.sqlite${end}`)))),
    );
    expect(stored.includes(MACHINE_ID)).toBe(true);
    expect(stored.includes(token)).toBe(false);
    expect(stored.includes(answer.body.machineToken)).toBe(false);
  });
});

describe('checking in', () => {
  it('offers the newest patch, newer by number and not by letter', async () => {
    const token = await scene.register();
    await scene.addPatch('121.9');
    const newest = await scene.addPatch('121.10');

    const answer = await scene.checkIn(token);

    expect(answer.status).toBe(200);
    expect(v.parse(CheckInAnswer, answer.body)).toMatchObject({
      support: 'supported',
      tier: 'stable',
      offer: { version: '121.10', sha256: newest.sha256, size: newest.size },
    });
  });

  it('offers nothing for another kernel or architecture', async () => {
    const token = await scene.register();
    await scene.addPatch('121.1');

    for (const other of [{ kernel: '6.1.0-57-amd64' }, { architecture: 'arm64' }]) {
      const { body } = await scene.checkIn(token, other);
      expect(body).toMatchObject({ support: 'unsupported' });
      expect(body.offer).toBeUndefined();
    }
  });

  it.each([
    ['stable', '121.1'],
    ['candidate', '121.1'],
    ['beta', '121.2'],
    ['edge', '121.3'],
  ] as const)('shows a machine of tier %s version %s', async (tier, version) => {
    await scene.addPatch('121.1', 'stable');
    await scene.addPatch('121.2', 'beta');
    await scene.addPatch('121.3', 'edge');

    const { body } = await scene.checkIn(await scene.register(tier));

    expect(body.offer.version).toBe(version);
  });

  it('falls back to the version before a blocklisted one', async () => {
    const token = await scene.register();
    await scene.addPatch('121.1');
    const blocked = await scene.addPatch('121.2');
    scene.database.blockVersion('121.2');

    expect((await scene.checkIn(token)).body.offer.version).toBe('121.1');
    expect((await scene.ask('GET', `/v1/patches/${blocked.file}`, { token })).status).toBe(404);
  });

  it('names what was taken back, once it is told', async () => {
    const token = await scene.register();
    await scene.addPatch('121.1');
    const first = await scene.checkIn(token);
    scene.database.blockVersion('121.1');
    scene.database.blockDigest('modules', 'a'.repeat(128));
    scene.database.blockDigest('certificates', 'b'.repeat(64));

    const { status, body } = await scene.checkIn(token, { lastSerial: first.body.serial });

    expect(first.body.blocklist).toBeUndefined();
    expect(status).toBe(200);
    expect(v.parse(CheckInAnswer, body).blocklist).toEqual({
      patches: ['121.1'],
      modules: ['a'.repeat(128)],
      certificates: ['b'.repeat(64)],
    });
  });

  it("says nothing of what was taken back from another kernel's machines", async () => {
    const token = await scene.register();
    await scene.addPatch('121.1');
    scene.database.blockVersion('121.1');

    expect((await scene.checkIn(token, { kernel: '6.1.0-57-amd64' })).body.blocklist).toBeUndefined();
  });

  it('tells how long a kernel is covered', async () => {
    const token = await scene.register();
    scene.database.setKernel(KERNEL, 'amd64', { support: 'supported', upgradeRequiredDate: '2027-03-19' });

    expect((await scene.checkIn(token)).body).toMatchObject({
      support: 'supported',
      upgradeRequiredDate: '2027-03-19',
    });
  });

  it('numbers its answers upwards, 204 included', async () => {
    const token = await scene.register();
    const first = await scene.checkIn(token);
    const second = await scene.checkIn(token, { lastSerial: first.body.serial });
    const third = await scene.checkIn(token);

    expect(second.status).toBe(204);
    const serials = [first.body.serial, Number(second.headers['livepatch-serial']), third.body.serial];
    expect(serials).toEqual([1, 2, 3]);
    expect(Date.parse(String(second.headers['livepatch-issued-at']))).not.toBeNaN();
  });

  it('keeps the report', async () => {
    const token = await scene.register();

    await scene.checkIn(token, { uptimeSeconds: 77 });

    const machine = scene.database.machineWithToken(token);
    expect(JSON.parse(machine?.report ?? '')).toEqual(checkInOf({ uptimeSeconds: 77 }));
    expect(machine?.lastCheckIn).not.toBeNull();
  });

  describe('answers 204', () => {
    const applied = { version: '121.1', state: 'applied' };
    let token: string;
    let lastSerial: number;
    beforeEach(async () => {
      token = await scene.register();
      await scene.addPatch('121.1');
      lastSerial = (await scene.checkIn(token)).body.serial;
    });

    it('when the machine knows the advice and has applied the patch', async () => {
      const answer = await scene.checkIn(token, { patch: applied, lastSerial });

      expect(answer.status).toBe(204);
      expect(answer.body).toHaveLength(0);
    });

    it.each([
      ['the patch is not applied', { lastSerial: 1 }],
      ['another version is applied', { lastSerial: 1, patch: { version: '120.1', state: 'applied' } }],
      ['the patch failed', { lastSerial: 1, patch: { version: '121.1', state: 'apply-failed' } }],
      ['the machine has no answer in hand', { patch: applied }],
      ['the machine has only an older answer in hand', { patch: applied, lastSerial: 0 }],
    ])('but not when %s', async (_, changes) => {
      expect(lastSerial).toBe(1);
      expect((await scene.checkIn(token, changes)).status).toBe(200);
    });

    it('but not when there is something new to say', async () => {
      scene.database.setKernel(KERNEL, 'amd64', { support: 'kernel-end-of-life' });

      const answer = await scene.checkIn(token, { patch: applied, lastSerial });

      expect(answer).toMatchObject({ status: 200, body: { support: 'kernel-end-of-life' } });
    });

    it('but not before news that were lost on their way have arrived', async () => {
      scene.database.setKernel(KERNEL, 'amd64', { support: 'kernel-end-of-life' });
      await scene.checkIn(token, { patch: applied, lastSerial });

      const repeated = await scene.checkIn(token, { patch: applied, lastSerial });
      expect(repeated.status).toBe(200);
      const { serial } = repeated.body;
      expect((await scene.checkIn(token, { patch: applied, lastSerial: serial })).status).toBe(204);
    });

    it('but not after a new registration', async () => {
      token = await scene.register();

      expect((await scene.checkIn(token, { patch: applied, lastSerial })).status).toBe(200);
    });
  });
});

describe('a patch file', () => {
  it('is what the offer says', async () => {
    const token = await scene.register();
    const { file, sha256 } = await scene.addPatch('121.1');
    const { offer } = (await scene.checkIn(token)).body;

    const answer = await scene.ask('GET', offer.url, { token });

    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'content-length': String(offer.size),
      etag: `"${sha256}"`,
      'accept-ranges': 'bytes',
    });
    expect(answer.body).toEqual(await readFile(join(scene.files, file)));
  });

  const size = 200;
  it.each([
    { range: 'bytes=150-', status: 206, part: [150, 199] },
    { range: 'bytes=0-9', status: 206, part: [0, 9] },
    { range: 'bytes=190-9999', status: 206, part: [190, 199] },
    { range: 'bytes=-20', status: 206, part: [180, 199] },
    { range: 'bytes=-9999', status: 206, part: [0, 199] },
    { range: 'bytes=9-0', status: 200, part: [0, 199] },
    { range: 'bytes=0-1,4-5', status: 200, part: [0, 199] },
    { range: 'lines=0-1', status: 200, part: [0, 199] },
    { range: 'bytes=-', status: 200, part: [0, 199] },
  ])('answers $range with $status', async ({ range, status, part }) => {
    const { token, path, content } = await storedFile();

    const answer = await scene.ask('GET', path, { token, headers: { range } });

    const [start = 0, end = 0] = part;
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual(content.subarray(start, end + 1));
    expect(answer.headers['content-length']).toBe(String(end - start + 1));
    expect(answer.headers['content-range']).toBe(
      status === 206 ? `bytes ${start}-${end}/${size}` : undefined,
    );
  });

  it.each(['bytes=200-', 'bytes=-0'])('cannot satisfy %s', async (range) => {
    const { token, path } = await storedFile();

    const answer = await scene.ask('GET', path, { token, headers: { range } });

    expect(answer.status).toBe(416);
    expect(answer.headers['content-range']).toBe('bytes */200');
  });

  it('goes on only where it is still the same file', async () => {
    const { token, path } = await storedFile();
    const resume = (ifRange: string) =>
      scene.ask('GET', path, { token, headers: { range: 'bytes=100-', 'if-range': ifRange } });

    expect((await resume('"sha"')).status).toBe(206);
    expect((await resume('"other"')).status).toBe(200);
  });

  it('is not for everybody', async () => {
    const { path } = await storedFile();

    for (const ask of [{}, { token: 'a'.repeat(32) }]) {
      const answer = await scene.ask('GET', path, ask);
      expect(answer).toMatchObject({ status: 403, body: { error: 'Invalid Machine Token' } });
    }
  });

  it('is not for a more careful tier', async () => {
    const token = await scene.register('stable');
    const { file } = await scene.addPatch('121.1', 'edge');

    expect((await scene.ask('GET', `/v1/patches/${file}`, { token })).status).toBe(404);
  });

  it.each(['..%2fserver.key', '..%2f..%2fetc%2fpasswd', 'unlisted', '%2e%2e', '%00'])(
    'is never %s',
    async (name) => {
      const token = await scene.register();
      await scene.addPatch('121.1');
      await writeFile(join(scene.files, 'unlisted'), 'secret');

      expect((await scene.ask('GET', `/v1/patches/${name}`, { token })).status).toBe(404);
    },
  );

  /** A file of 200 known bytes whose digest is `sha`. */
  async function storedFile() {
    const token = await scene.register();
    const patch = await scene.addPatch('120.1');
    const content = Buffer.from(Array.from({ length: size }, (_, index) => index));
    await writeFile(join(scene.files, 'known'), content);
    scene.database.addPatch({ ...patch, file: 'known', version: '1.1', size, sha256: 'sha' });
    return { token, path: '/v1/patches/known', content };
  }
});

describe('asking whether a kernel is supported', () => {
  const ask = (query: object) =>
    scene.ask('GET', `/v1/api/kernels/supported?${new URLSearchParams({ ...query })}`);

  it('needs no token', async () => {
    await scene.addPatch('121.1');

    const answer = await ask({ 'kernel-version': KERNEL, flavour: 'amd64', architecture: 'amd64' });

    expect(answer.status).toBe(200);
    expect(v.parse(SupportedAnswer, answer.body)).toEqual({ Supported: 'supported' });
  });

  it('says unsupported of what it does not know', async () => {
    const answer = await ask({ 'kernel-version': '5.4.0-1-amd64', architecture: 'amd64' });

    expect(answer).toMatchObject({ status: 200, body: { Supported: 'unsupported' } });
  });

  it('names the missing parameter', async () => {
    const answer = await ask({ 'kernel-version': KERNEL });

    expect(answer.status).toBe(400);
    expect(answer.body.error).toMatch(/^architecture: /);
  });
});

describe('deleting a machine', () => {
  it('forgets its token, and frees its place', async () => {
    const token = await scene.register();

    const answer = await scene.ask('DELETE', `/v1/client/${MACHINE_ID}`, { token });

    expect(answer.status).toBe(204);
    expect(await scene.checkIn(token)).toMatchObject({
      status: 403,
      body: { error: 'Invalid Machine Token' },
    });
  });

  it("is refused to another machine's token", async () => {
    const token = await scene.register();
    const otherToken = await scene.register('stable', OTHER_ID);

    expect((await scene.ask('DELETE', `/v1/client/${MACHINE_ID}`, { token: otherToken })).status).toBe(403);
    expect((await scene.checkIn(token)).status).toBe(200);
  });
});

describe('what is malformed', () => {
  it.each([
    ['not JSON', '{"schema":', /^body: not JSON$/],
    ['not an object', '[]', /^body: |^schema: /],
    ['of another schema', checkInOf({ schema: 2 }), /^schema: /],
    ['without a kernel', checkInOf({ kernel: undefined }), /^kernel: /],
    ['with a kernel that is a path', checkInOf({ kernel: '../../etc' }), /^kernel: not a kernel version$/],
    ['with a number for a string', checkInOf({ cpuModel: 1 }), /^cpuModel: /],
    ['with a negative uptime', checkInOf({ uptimeSeconds: -1 }), /^uptimeSeconds: /],
    ['with an unknown state', checkInOf({ patch: { version: '1.1', state: 'fine' } }), /^patch\.state: /],
    ['with an escape sequence', checkInOf({ cpuModel: '\x1b[2J' }), /^cpuModel: holds a control character$/],
    ["with another machine's id", checkInOf({ machineId: OTHER_ID }), /^machineId: /],
  ])('is refused: a check-in %s', async (_, body, error) => {
    const token = await scene.register();

    const answer = await scene.ask('POST', `/v1/client/${MACHINE_ID}/updates`, { token, body });

    expect(answer.status).toBe(400);
    expect(answer.body.error).toMatch(error);
    expect(scene.database.machineWithToken(token)?.report).toBeNull();
  });

  it('is refused without being repeated', async () => {
    const token = await scene.register();

    const answer = await scene.checkIn(token, { schema: 'secret '.repeat(1000) });

    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ error: 'schema: Invalid type: Expected 1' });
  });

  it('is refused: a body without end', async () => {
    const token = await scene.register();

    const answer = await scene.ask('POST', `/v1/client/${MACHINE_ID}/updates`, {
      token,
      body: ' '.repeat(64 * 1024 + 1),
    });

    expect(answer.status).toBe(413);
  });

  it.each(['short', MACHINE_ID.toUpperCase(), `${MACHINE_ID}0`, '..%2f..%2fx'])(
    'is refused: the machine id %s',
    async (id) => {
      const token = scene.database.addAuthToken();

      const answer = await scene.ask('POST', `/v1/client/${id}`, { token, body: registration });

      expect(answer).toMatchObject({
        status: 400,
        body: { error: 'machine-id: not 32 lower-case hex digits' },
      });
    },
  );

  it.each([
    ['GET', '/'],
    ['GET', '/v1/patches/'],
    ['PUT', `/v1/client/${MACHINE_ID}`],
    ['GET', `/v1/client/${MACHINE_ID}/updates`],
  ] as const)('is not found: %s %s', async (method, path) => {
    expect(await scene.ask(method, path)).toMatchObject({ status: 404, body: { error: 'Not Found' } });
  });

  it('takes fields it does not know', async () => {
    const token = await scene.register();

    expect((await scene.checkIn(token, { fromTheFuture: true })).status).toBe(200);
  });
});

describe('CVE data', () => {
  const FIXES = { timestamp: '2026-11-20T08:00:00Z', kernelPackageFixes: ['CVE-2026-0002'] };
  const path = `/v1/client/${MACHINE_ID}/cves`;

  it('comes with the SHA-256 of its body as its ETag, and once only', async () => {
    const token = await scene.register();
    await scene.checkIn(token);
    scene.database.setKernelPackageFixes(KERNEL, 'amd64', FIXES);

    const answer = await scene.ask('GET', path, { token });

    expect(v.parse(CvesAnswer, answer.body)).toEqual({ schema: 1, ...FIXES });
    const digest = createHash('sha256').update(JSON.stringify(answer.body)).digest('hex');
    expect(answer).toMatchObject({ status: 200, headers: { etag: `"${digest}"` } });
    const again = await scene.ask('GET', path, { token, headers: { 'if-none-match': `"${digest}"` } });
    expect(again).toMatchObject({ status: 304, headers: { etag: `"${digest}"` } });
    expect(again.body).toHaveLength(0);
  });

  it('comes anew when it has changed', async () => {
    const token = await scene.register();
    await scene.checkIn(token);
    scene.database.setKernelPackageFixes(KERNEL, 'amd64', FIXES);
    const { etag = '' } = (await scene.ask('GET', path, { token })).headers;
    scene.database.setKernelPackageFixes(KERNEL, 'amd64', { ...FIXES, kernelPackageFixes: [] });

    const answer = await scene.ask('GET', path, { token, headers: { 'if-none-match': etag } });

    expect(answer).toMatchObject({ status: 200, body: { kernelPackageFixes: [] } });
  });

  it("is that of the machine's kernel, if there is any", async () => {
    const token = await scene.register();
    scene.database.setKernelPackageFixes(KERNEL, 'amd64', FIXES);
    expect((await scene.ask('GET', path, { token })).status).toBe(204);
    await scene.checkIn(token, { kernel: '6.1.0-1-amd64' });
    expect((await scene.ask('GET', path, { token })).status).toBe(204);
  });

  it('is for the machine itself', async () => {
    expect((await scene.ask('GET', path, { token: 'f'.repeat(32) })).status).toBe(403);
  });
});

describe('pings', () => {
  const PING = { schema: 1, architecture: 'amd64', event: 'before', version: '121.4', kernel: KERNEL };

  it('are taken from anybody, and counted', async () => {
    const settled = { ...PING, event: 'settled', minutes: 5 };
    for (const body of [PING, settled, settled]) {
      expect((await scene.ask('POST', '/v1/pings', { body })).status).toBe(204);
    }

    expect(scene.database.pings()).toMatchObject([
      { event: 'before', version: '121.4', kernel: KERNEL, architecture: 'amd64', detail: '', count: 1 },
      { event: 'settled', detail: '5', count: 2 },
    ]);
  });

  it.each([
    ['event', { event: 'bored' }],
    ['minutes', { minutes: 2 }],
    ['code', { code: 'whatever I like to say' }],
  ])('are refused with a wrong %s', async (field, change) => {
    const answer = await scene.ask('POST', '/v1/pings', { body: { ...PING, ...change } });

    expect(answer).toMatchObject({ status: 400, body: { error: expect.stringMatching(`^${field}: `) } });
    expect(scene.database.pings()).toEqual([]);
  });
});

it('remembers the requests it saw, and no secret of theirs', async () => {
  const token = await scene.register();
  await scene.checkIn(token);
  await scene.checkIn('f'.repeat(32));

  expect(scene.server.requests).toEqual([
    { method: 'POST', path: `/v1/client/${MACHINE_ID}`, status: 200 },
    { method: 'POST', path: `/v1/client/${MACHINE_ID}/updates`, status: 200 },
    { method: 'POST', path: `/v1/client/${MACHINE_ID}/updates`, status: 403 },
  ]);
});

it('lets a test answer in its place', async () => {
  const misbehaving = await startScene({
    intercept: (request, response) => {
      if (request.url !== '/v1/broken') return false;
      response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad Gateway</h1>');
      return true;
    },
  });
  try {
    expect((await misbehaving.ask('GET', '/v1/broken')).status).toBe(502);
    expect((await misbehaving.ask('GET', '/v1/other')).status).toBe(404);
    expect(misbehaving.server.requests.map(({ status }) => status)).toEqual([502, 404]);
  } finally {
    await misbehaving.end();
  }
});
