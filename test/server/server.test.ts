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

const registration = { schema: 2, clientVersion: '0.1.0', architecture: 'amd64', kernel: KERNEL };
const OTHER_ID = 'f'.repeat(32);

describe('registering', () => {
  it('turns an auth token into a machine token', async () => {
    const token = scene.database.addAuthToken({ tier: 'beta' });

    const answer = await scene.ask('POST', `/v1/client/${MACHINE_ID}`, { token, body: registration });

    expect(answer.status).toBe(200);
    const { machineToken } = v.parse(RegisterAnswer, answer.body);
    const info = await scene.ask('GET', `/v1/client/${MACHINE_ID}/info`, { token: machineToken });
    expect(v.parse(InfoAnswer, info.body)).toEqual({ schema: 2, tier: 'beta' });
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
  it('lists every patch, newest first, by number and not by letter', async () => {
    const token = await scene.register();
    const versions = ['121.9', '122.1', '121.10'];
    for (const version of versions) await scene.addPatch(version);

    const answer = await scene.checkIn(token);

    expect(answer.status).toBe(200);
    const { candidates, ...advice } = v.parse(CheckInAnswer, answer.body);
    expect(advice).toMatchObject({ support: 'supported', tier: 'stable', withdrawn: [], revokedKeys: [] });
    expect(candidates.map(({ version }) => version)).toEqual(['122.1', '121.10', '121.9']);
  });

  it('repeats what the metadata of a patch file says, and its phase', async () => {
    const token = await scene.register();
    const { digest, sha256, size } = await scene.addPatch('121.1', 'stable', 10);

    expect((await scene.checkIn(token)).body.candidates).toEqual([
      {
        version: '121.1',
        digest,
        module: 'livepatch_demo',
        cumulative: true,
        releasedAt: '2026-01-10T12:00:00Z',
        fixes: [
          {
            name: 'CVE-2026-0001',
            description: 'A use after free in the net scheduler.',
            bug: '',
            patched: true,
          },
        ],
        sha256,
        size,
        phase: 10,
        url: `/v1/patches/livepatch-${KERNEL}-121.1-amd64.tar.gz`,
      },
    ]);
  });

  it('lists no more than a client takes, and leaves out the oldest', async () => {
    const token = await scene.register();
    const patch = await scene.addPatch('120.1');
    for (let minor = 1; minor <= 100; minor += 1) {
      const digest = String(minor).padStart(128, '0');
      const sha256 = String(minor).padStart(64, '0');
      scene.database.addPatch({ ...patch, file: `${minor}`, version: `121.${minor}`, digest, sha256 });
    }

    const { candidates } = v.parse(CheckInAnswer, (await scene.checkIn(token)).body);

    expect(candidates).toHaveLength(100);
    expect(candidates.at(-1)?.version).toBe('121.1');
  });

  it('offers nothing for another kernel or architecture', async () => {
    const token = await scene.register();
    await scene.addPatch('121.1');

    for (const other of [{ kernel: '6.1.0-57-amd64' }, { architecture: 'arm64' }]) {
      const { body } = await scene.checkIn(token, other);
      expect(body).toMatchObject({ support: 'unsupported' });
      expect(body.candidates).toEqual([]);
    }
  });

  it.each([
    ['stable', ['121.1']],
    ['candidate', ['121.1']],
    ['beta', ['121.2', '121.1']],
    ['edge', ['121.3', '121.2', '121.1']],
  ] as const)('shows a machine of tier %s versions %s', async (tier, versions) => {
    await scene.addPatch('121.1', 'stable');
    await scene.addPatch('121.2', 'beta');
    await scene.addPatch('121.3', 'edge');

    const { body } = await scene.checkIn(await scene.register(tier));

    expect(body.candidates.map(({ version }: { version: string }) => version)).toEqual(versions);
  });

  it('lists a withdrawn patch as that, and no longer serves its file', async () => {
    const token = await scene.register();
    await scene.addPatch('121.1');
    const { digest, file } = await scene.addPatch('121.2');
    scene.database.withdraw('121.2');

    const { candidates, withdrawn } = v.parse(CheckInAnswer, (await scene.checkIn(token)).body);

    expect(candidates.map(({ version }) => version)).toEqual(['121.1']);
    expect(withdrawn).toEqual([{ version: '121.2', digest }]);
    expect((await scene.ask('GET', `/v1/patches/${file}`, { token })).status).toBe(404);
  });

  it('names the keys that were revoked', async () => {
    const token = await scene.register();
    scene.database.revokeKey('b'.repeat(64));

    expect(v.parse(CheckInAnswer, (await scene.checkIn(token)).body).revokedKeys).toEqual(['b'.repeat(64)]);
  });

  it("says nothing of what was withdrawn from another kernel's machines", async () => {
    const token = await scene.register();
    await scene.addPatch('121.1');
    scene.database.withdraw('121.1');

    expect((await scene.checkIn(token, { kernel: '6.1.0-57-amd64' })).body.withdrawn).toEqual([]);
  });

  it('tells how long a kernel is covered', async () => {
    const token = await scene.register();
    scene.database.setKernel(KERNEL, 'amd64', { support: 'supported', upgradeRequiredDate: '2027-03-19' });

    expect((await scene.checkIn(token)).body).toMatchObject({
      support: 'supported',
      upgradeRequiredDate: '2027-03-19',
    });
  });

  it('repeats the nonce', async () => {
    const token = await scene.register();
    const nonce = 'c'.repeat(32);

    const { body } = await scene.checkIn(token, { nonce });
    const again = await scene.checkIn(token, { nonce, known: body.tag });

    expect(body.nonce).toBe(nonce);
    expect(again).toMatchObject({ status: 204, headers: { 'livepatch-nonce': nonce } });
    expect(Date.parse(String(again.headers['livepatch-issued-at']))).not.toBeNaN();
  });

  it('keeps the report', async () => {
    const token = await scene.register();

    await scene.checkIn(token, { uptimeSeconds: 77 });

    const machine = scene.database.machineWithToken(token);
    expect(JSON.parse(machine?.report ?? '')).toEqual(checkInOf({ uptimeSeconds: 77 }));
    expect(machine?.lastCheckIn).not.toBeNull();
  });

  describe('answers 204', () => {
    let token: string;
    let known: string;
    beforeEach(async () => {
      token = await scene.register();
      await scene.addPatch('121.1');
      known = (await scene.checkIn(token)).body.tag;
    });

    it('when the machine knows the advice, whichever machine it is', async () => {
      const answer = await scene.checkIn(token, { known });

      expect(answer.status).toBe(204);
      expect(answer.body).toHaveLength(0);
      expect((await scene.checkIn(await scene.register(), { known })).status).toBe(204);
    });

    it.each<[string, () => unknown]>([
      ['support', () => scene.database.setKernel(KERNEL, 'amd64', { support: 'kernel-end-of-life' })],
      ['a patch', () => scene.addPatch('121.2')],
      ['a withdrawn patch', () => scene.database.withdraw('121.1')],
      ['a revoked key', () => scene.database.revokeKey('b'.repeat(64))],
      [
        'CVE data',
        () =>
          scene.database.setKernelPackageFixes(KERNEL, 'amd64', {
            timestamp: '2026-11-20T08:00:00Z',
            kernelPackageFixes: [],
          }),
      ],
    ])('but not when there is news of %s', async (_, change) => {
      await change();

      expect((await scene.checkIn(token, { known })).status).toBe(200);
    });

    it.each([
      ['knows nothing', { known: undefined }],
      ['knows something else', { known: 'as before' }],
      ['has another kernel', { kernel: '6.1.0-57-amd64' }],
      ['is of another architecture', { architecture: 'arm64' }],
    ])('but not when the machine %s', async (_, changes) => {
      expect((await scene.checkIn(token, { known, ...changes })).status).toBe(200);
    });

    it('but not when the machine is of another tier', async () => {
      expect((await scene.checkIn(await scene.register('beta'), { known })).status).toBe(200);
    });
  });
});

describe('a patch file', () => {
  it('is what its candidate says', async () => {
    const token = await scene.register();
    const { file, sha256 } = await scene.addPatch('121.1');
    const [candidate] = (await scene.checkIn(token)).body.candidates;

    const answer = await scene.ask('GET', candidate.url, { token });

    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'content-length': String(candidate.size),
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

  it("is refused to another machine's token, as is all else that is the machine's own", async () => {
    const token = await scene.register();
    const otherToken = await scene.register('stable', OTHER_ID);

    expect((await scene.ask('GET', `/v1/client/${MACHINE_ID}/info`, { token: otherToken })).status).toBe(403);
    expect((await scene.checkIn(otherToken)).status).toBe(403);
    expect((await scene.ask('GET', `/v1/client/${MACHINE_ID}/cves`, { token: otherToken })).status).toBe(403);
    expect((await scene.ask('DELETE', `/v1/client/${MACHINE_ID}`, { token: otherToken })).status).toBe(403);
    expect((await scene.checkIn(token)).status).toBe(200);
  });
});

describe('what is malformed', () => {
  it.each([
    ['not JSON', '{"schema":', /^body: not JSON$/],
    ['not an object', '[]', /^body: |^schema: /],
    ['of another schema', checkInOf({ schema: 1 }), /^schema: /],
    ['without a kernel', checkInOf({ kernel: undefined }), /^kernel: /],
    ['with a kernel that is a path', checkInOf({ kernel: '../../etc' }), /^kernel: not a kernel version$/],
    ['with a number for a string', checkInOf({ cpuModel: 1 }), /^cpuModel: /],
    ['with a negative uptime', checkInOf({ uptimeSeconds: -1 }), /^uptimeSeconds: /],
    ['with an unknown state', checkInOf({ patch: { version: '1.1', state: 'fine' } }), /^patch\.state: /],
    [
      'with an escape sequence',
      checkInOf({ cpuModel: '\x1b[2J' }),
      /^cpuModel: holds an unprintable character$/,
    ],
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
    expect(answer.body).toEqual({ error: 'schema: Invalid type: Expected 2' });
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

    expect(v.parse(CvesAnswer, answer.body)).toEqual({ schema: 2, ...FIXES });
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
  const PING = { schema: 2, architecture: 'amd64', event: 'before', version: '121.4', kernel: KERNEL };

  it('are taken from anybody, and counted', async () => {
    const settled = { ...PING, event: 'settled', minutes: 5, tier: 'beta', transitionSeconds: 1.5 };
    const rebooted = { ...PING, event: 'rebooted', of: 'settled', minutes: 15 };
    for (const body of [PING, settled, settled, rebooted]) {
      expect((await scene.ask('POST', '/v1/pings', { body })).status).toBe(204);
    }

    expect(scene.database.pings()).toMatchObject([
      { event: 'before', version: '121.4', kernel: KERNEL, architecture: 'amd64', detail: '', count: 1 },
      { event: 'settled', detail: '5', tier: 'beta', count: 2, transitions: 3 },
      { event: 'rebooted', detail: 'settled 15', count: 1 },
    ]);
  });

  it.each([
    ['event', { event: 'bored' }],
    ['minutes', { minutes: 2 }],
    ['transitionSeconds', { transitionSeconds: -1 }],
    ['of', { of: 'error' }],
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
