import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../../src/secret.ts';
import { livepatchServer } from '../../../src/source/server/client.ts';
import type { MachineReport } from '../../../src/source/source.ts';
import type { Advice, Machine } from '../../../src/types.ts';
import { KERNEL, MACHINE_ID, type Scene, startScene } from '../../server/scene.ts';
import { type Handler, sourceConfig } from '../handlers.ts';

const MACHINE: Machine = {
  id: MACHINE_ID,
  architecture: 'amd64',
  cpuModel: 'AMD EPYC 7763 64-Core Processor',
  release: KERNEL,
  kernel: KERNEL,
  bootId: '00000000-0000-4000-8000-000000000000',
  bootTime: '2026-01-11T06:00:12Z',
  uptimeSeconds: 8640,
};
const REPORT: MachineReport = { machine: MACHINE, cutoffDate: false, patchDelay: false };

let scene: Scene;
let misbehave: Handler | undefined;
beforeEach(async () => {
  misbehave = undefined;
  scene = await startScene({
    intercept(request, response) {
      if (misbehave === undefined) return false;
      misbehave(request, response);
      return true;
    },
  });
});
afterEach(() => scene.end());

const source = () =>
  livepatchServer(sourceConfig(scene), '0.1.0', { env: {}, uptime: () => 3_600_000, pause: async () => {} });
const token = async () => new Secret(await scene.register());

/** A check-in that is answered by this in place of what the server would say, but for its nonce. */
async function answeredBy(changes: object, report: MachineReport = REPORT) {
  misbehave = async (request, response) => {
    const { nonce } = JSON.parse((await buffer(request)).toString());
    response.end(JSON.stringify({ ...ADVICE, nonce, ...changes }));
  };
  return source().checkIn(report, await tokenWhileItBehaves());
}
const tokenWhileItBehaves = async () => new Secret(randomBytes(16).toString('hex'));

const ADVICE = {
  schema: 2,
  issuedAt: '2026-11-22T12:00:00Z',
  support: 'supported',
  tier: 'stable',
  candidates: [],
  withdrawn: [],
  revokedKeys: [],
};
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
    const { advice, issuedAt } = await source().checkIn(REPORT, await token());

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
    const machineToken = await token();
    const { tag: known } = (await source().checkIn(REPORT, machineToken)).advice as Advice;

    expect(await source().checkIn({ ...REPORT, known }, machineToken)).toEqual({
      issuedAt: expect.any(String),
      advice: 'unchanged',
    });
    scene.database.revokeKey('b'.repeat(64));
    expect((await source().checkIn({ ...REPORT, known }, machineToken)).advice).toMatchObject({
      revokedKeys: ['b'.repeat(64)],
    });
  });

  it('tells of the machine what PROTOCOL.md lists, whatever else the report holds', async () => {
    const machineToken = await token();
    const patch = { version: '121.1', state: 'applied', secret: 'x' } as const;
    await source().checkIn({ ...REPORT, patch, lastCheck: '2026-11-22T12:00:00Z' }, machineToken);

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
    misbehave = async (request, response) => {
      nonces.add(JSON.parse((await buffer(request)).toString()).nonce);
      response.writeHead(503).end();
    };
    await expect(source().checkIn(REPORT, await tokenWhileItBehaves())).rejects.toMatchObject({
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
    misbehave = async (request, response) => {
      const { nonce } = JSON.parse((await buffer(request)).toString());
      const headers = { 'livepatch-nonce': nonce, 'livepatch-issued-at': ADVICE.issuedAt, ...changes };
      response.writeHead(204, Object.fromEntries(Object.entries(headers).filter(([, value]) => value)));
      response.end();
    };
    await expect(source().checkIn({ ...REPORT, known }, await tokenWhileItBehaves())).rejects.toMatchObject({
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
    misbehave = (_, response) => void response.end(Buffer.from('{"schema":2,"tier":"\xff"}', 'latin1'));
    await expect(source().checkIn(REPORT, await tokenWhileItBehaves())).rejects.toMatchObject({
      code: 'bad-answer',
      message: expect.stringMatching(/: it is not UTF-8$/),
    });
  });
});

describe('a file', () => {
  it('comes from the address that this object was told', async () => {
    const { file, sha256 } = await scene.addPatch('121.1');
    const machineToken = await token();
    const server = source();
    const { candidates } = (await server.checkIn(REPORT, machineToken)).advice as Advice;
    const [named] = candidates as [Advice['candidates'][0]];
    expect(named.sha256).toBe(sha256);

    const bytes = await buffer(server.fetch(named, machineToken));

    expect(bytes).toHaveLength(named.size);
    expect(scene.server.requests.at(-1)).toMatchObject({ path: `/v1/patches/${file}`, status: 200 });
    await expect(buffer(source().fetch(named, machineToken))).rejects.toMatchObject({
      message: 'the server has not named patch 121.1 in this run',
    });
  });
});

describe('what only a server has', () => {
  it('registers, is asked for CVE data, takes pings, and forgets', async () => {
    const { cves, registry } = source();
    await scene.addPatch('121.1');
    expect(await registry.support(MACHINE)).toBe('supported');
    const machineToken = await registry.register(MACHINE, new Secret(scene.database.addAuthToken()));
    await source().checkIn(REPORT, machineToken);
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
