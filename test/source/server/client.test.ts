import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { beforeEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../../src/limits.ts';
import { Secret } from '../../../src/secret.ts';
import type { MachineReport } from '../../../src/source/source.ts';
import type { Advice } from '../../../src/types.ts';
import { KERNEL, MACHINE_ID } from '../../server/scene.ts';
import { ADVICE, MACHINE, newest, REPORT, type SourceScene, startSourceScene } from '../scene.ts';

const UPDATES = /\/updates$/;
let scene: SourceScene;
beforeEach(async () => {
  scene = await startSourceScene();
});

/** A check-in that is answered by this in place of what the server would say, but for its nonce. */
async function answeredBy(changes: object, report: MachineReport = REPORT) {
  scene.misbehave(UPDATES, async (request, response) => {
    const { nonce } = JSON.parse((await buffer(request)).toString());
    response.end(JSON.stringify({ ...ADVICE, nonce, ...changes }));
  });
  return scene.source().checkIn(report, scene.token);
}

const candidate = (version: string, changes: object = {}) => ({
  version,
  digest: randomBytes(64).toString('hex'),
  module: 'livepatch_demo',
  cumulative: true,
  releasedAt: '2026-11-22T12:00:00Z',
  fixes: [],
  sha256: randomBytes(32).toString('hex'),
  size: 1,
  url: '/x',
  ...changes,
});

describe('a check-in', () => {
  it('brings advice about the reported kernel, without addresses', async () => {
    const { digest, sha256, size } = await scene.addPatch('121.1');
    const { advice, issuedAt } = await scene.source().checkIn(REPORT, scene.token);

    expect(Date.parse(issuedAt ?? '')).not.toBeNaN();
    expect(advice).toEqual({
      kernel: KERNEL,
      support: 'supported',
      tier: 'stable',
      candidates: [
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
        },
      ],
      withdrawn: [],
      revokedKeys: [],
      tag: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  it('confirms what is known, and nothing else', async () => {
    const { tag: known } = (await scene.source().checkIn(REPORT, scene.token)).advice as Advice;

    expect(await scene.source().checkIn({ ...REPORT, known }, scene.token)).toEqual({
      issuedAt: expect.any(String),
      advice: 'unchanged',
    });
    scene.database.revokeKey('b'.repeat(64));
    expect((await scene.source().checkIn({ ...REPORT, known }, scene.token)).advice).toMatchObject({
      revokedKeys: ['b'.repeat(64)],
    });
  });

  it('tells of the machine what PROTOCOL.md lists, whatever else the report holds', async () => {
    const patch = { version: '121.1', state: 'applied', secret: 'x' } as const;
    await scene.source().checkIn({ ...REPORT, patch, lastCheck: '2026-11-22T12:00:00Z' }, scene.token);

    expect(JSON.parse(scene.database.machine(MACHINE_ID)?.report ?? '')).toEqual({
      schema: 2,
      clientVersion: '0.1.0',
      machineId: MACHINE_ID,
      architecture: 'amd64',
      cpuModel: MACHINE.cpuModel,
      kernel: KERNEL,
      bootTime: MACHINE.bootTime,
      uptimeSeconds: 8640,
      patch: { version: '121.1', state: 'applied' },
      lastCheck: '2026-11-22T12:00:00Z',
      nonce: expect.stringMatching(/^[0-9a-f]{32}$/),
      cutoffDate: false,
      patchDelay: false,
    });
  });

  it('has a new nonce at every try', async () => {
    const nonces = new Set<string>();
    scene.misbehave(UPDATES, async (request, response) => {
      nonces.add(JSON.parse((await buffer(request)).toString()).nonce);
      response.writeHead(503).end();
    });
    await expect(scene.source().checkIn(REPORT, scene.token)).rejects.toMatchObject({
      code: 'server-refused',
    });
    expect(nonces.size).toBe(4);
  });
});

describe('an answer is refused', () => {
  const REPLAYED = 'it is not to this check-in: an old one was replayed';

  it('that has the nonce of another check-in', async () => {
    await expect(answeredBy({ nonce: 'a'.repeat(32) })).rejects.toMatchObject({
      code: 'bad-answer',
      message: expect.stringMatching(`got an unusable answer: ${REPLAYED}$`),
    });
  });

  it.each([
    [
      'to a machine that knows nothing',
      undefined,
      {},
      'a 204 says "as before", but this machine knows nothing',
    ],
    ['without a nonce', 'tag', { 'livepatch-nonce': undefined }, 'a 204 must carry its nonce and time'],
    ['without a time', 'tag', { 'livepatch-issued-at': undefined }, 'a 204 must carry its nonce and time'],
    ['at no time', 'tag', { 'livepatch-issued-at': 'now' }, 'a 204 must carry its nonce and time'],
    ['with another nonce', 'tag', { 'livepatch-nonce': 'a'.repeat(32) }, REPLAYED],
  ])('204 %s', async (_what, known, changes, reason) => {
    scene.misbehave(UPDATES, async (request, response) => {
      const { nonce } = JSON.parse((await buffer(request)).toString());
      const headers = { 'livepatch-nonce': nonce, 'livepatch-issued-at': ADVICE.issuedAt, ...changes };
      response.writeHead(204, Object.fromEntries(Object.entries(headers).filter(([, value]) => value)));
      response.end();
    });
    await expect(scene.source().checkIn({ ...REPORT, known }, scene.token)).rejects.toMatchObject({
      code: 'bad-answer',
      message: expect.stringContaining(reason),
    });
  });

  const same = { digest: 'd'.repeat(128) };
  const sameFile = { sha256: 'f'.repeat(64) };
  it.each([
    ['oldest first', [candidate('121.1'), candidate('121.2')]],
    ['by letter', [candidate('121.9'), candidate('121.10')]],
    ['one version twice', [candidate('121.1'), candidate('121.1')]],
    ['one module twice', [candidate('121.2', same), candidate('121.1', same)]],
    ['one file twice', [candidate('121.2', sameFile), candidate('121.1', sameFile)]],
    ['too many', Array.from({ length: 101 }, (_, index) => candidate(`121.${200 - index}`))],
    [
      'too many fixes',
      Array.from({ length: 11 }, (_, index) =>
        candidate(`121.${20 - index}`, { fixes: Array(1000).fill({ name: 'x' }) }),
      ),
    ],
  ])('whose candidates are named %s', async (_what, candidates) => {
    await expect(answeredBy({ candidates })).rejects.toMatchObject({
      code: 'bad-answer',
      message: expect.stringMatching(/: candidates is not as agreed$/),
    });
  });

  it('that is not UTF-8', async () => {
    scene.misbehave(
      UPDATES,
      (_, response) => void response.end(Buffer.from('{"schema":2,"tier":"\xff"}', 'latin1')),
    );
    await expect(scene.source().checkIn(REPORT, scene.token)).rejects.toMatchObject({
      code: 'bad-answer',
      message: expect.stringMatching(/: it is not UTF-8$/),
    });
  });
});

it('keeps what it accepts well below what the state file may hold', async () => {
  // Fixes that say nothing grow most: what is left out is kept as its default.
  const small = Array.from({ length: 9_900 }, () => ({ name: '' }));
  const large = Array.from({ length: 40 }, () => ({ name: '', description: 'é'.repeat(4096) }));
  const candidates = Array.from({ length: 100 }, (_, index) =>
    candidate(`121.${100 - index}`, {
      fixes: index === 0 ? large : small.slice(index * 99 - 99, index * 99),
    }),
  );
  expect(Buffer.byteLength(JSON.stringify({ ...ADVICE, candidates }))).toBeLessThan(
    LIMITS.network.answerBytes,
  );
  const { advice } = await answeredBy({ candidates });
  expect(Buffer.byteLength(JSON.stringify(advice, null, 2))).toBeLessThan(LIMITS.store.fileBytes * 0.75);
});

describe('a file', () => {
  it('comes from the address that this object was told', async () => {
    const { file, sha256 } = await scene.addPatch('121.1');
    const server = scene.source();
    const named = await newest(server, scene.token);
    expect(named.sha256).toBe(sha256);

    const bytes = await buffer(server.fetch(named, scene.token));

    expect(bytes).toHaveLength(named.size);
    expect(scene.server.requests.at(-1)).toMatchObject({ path: `/v1/patches/${file}`, status: 200 });
    await expect(buffer(scene.source().fetch(named, scene.token))).rejects.toMatchObject({
      message: 'the server has not named patch 121.1 in this run',
    });
  });
});

describe('what only a server has', () => {
  it('registers, is asked for CVE data, takes pings, and forgets', async () => {
    const { cves, registry } = scene.source();
    await scene.addPatch('121.1');
    expect(await registry.support(MACHINE)).toBe('supported');
    const machineToken = await registry.register(MACHINE, new Secret(scene.database.addAuthToken()));
    await scene.source().checkIn(REPORT, machineToken);
    const data = { timestamp: '2026-11-20T08:00:00Z', kernelPackageFixes: ['CVE-2026-0002'] };
    scene.database.setKernelPackageFixes(KERNEL, 'amd64', data);
    expect(await cves(MACHINE, machineToken, undefined)).toMatchObject(data);
    await registry.ping(
      {
        event: 'settled',
        version: '121.1',
        kernel: KERNEL,
        minutes: 0,
        tier: 'stable',
        transitionSeconds: 2,
      },
      MACHINE,
    );
    expect(scene.database.pings()).toMatchObject([{ event: 'settled', tier: 'stable', transitions: 2 }]);
    await registry.unregister(MACHINE_ID, machineToken);
    expect(scene.database.machine(MACHINE_ID)).toBeUndefined();
  });
});
