import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { startServer } from '../server/server.ts';
import { newest, REPORT, startSourceScene } from './scene.ts';

vi.setConfig({ testTimeout: 30_000 });
afterEach(() => void vi.useRealTimers());

const HOUR = 3_600_000;

describe('a check-in', () => {
  /** A machine whose server is away, and comes back after so many pauses, in each of which this happens. */
  async function away(uptime: number, pauses: number, during = () => {}) {
    const scene = await startSourceScene();
    await scene.server.close();
    let paused = 0;
    let back: Awaited<ReturnType<typeof startServer>> | undefined;
    const pause = async () => {
      paused += 1;
      during();
      if (paused < pauses) return;
      const { database, files, pki, server } = scene;
      back ??= await startServer({ database, files, tls: pki, port: server.port });
    };
    const { checkIn } = scene.source({}, { uptime: () => uptime, pause });
    const result = await checkIn(REPORT, scene.token).catch((error) => error);
    await back?.close();
    return { result, paused, told: scene.told };
  }

  it('waits for a network that comes up late after boot', async () => {
    const { result, paused, told } = await away(20_000, 12);
    expect(result).toMatchObject({ advice: { tier: 'stable' } });
    expect(paused).toBe(12);
    expect(told).toContainEqual(
      expect.stringMatching(/^POST request to ".*\/updates" failed; trying again in \d+ s$/),
    );
  });

  it.each([HOUR, -HOUR])('waits as long when the wall clock is set by %i ms meanwhile', async (jump) => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const { result, paused } = await away(20_000, 12, () => void vi.setSystemTime(Date.now() + jump));
    expect(result).toMatchObject({ advice: { tier: 'stable' } });
    expect(paused).toBe(12);
  });

  it('does not wait as long on a machine that has been up for long', async () => {
    const { result, paused } = await away(HOUR, 12);
    expect(result).toMatchObject({ code: 'network' });
    expect(paused).toBe(3);
  });

  it.each([
    [429, '2', [2000]],
    [503, '2', [2000]],
    [502, undefined, [0]],
    [503, new Date(Date.now() - 9_000_000).toUTCString(), [0]],
  ])('that is answered by %i with Retry-After %s is tried again', async (status, retryAfter, expected) => {
    const pauses: number[] = [];
    const scene = await startSourceScene();
    scene.misbehave(/\/updates$/, (_, response) => {
      scene.misbehave(/\/updates$/, undefined);
      response.writeHead(status, retryAfter === undefined ? {} : { 'retry-after': retryAfter }).end();
    });
    const deps = { random: () => 0, pause: async (time: number) => void pauses.push(time) };
    await scene.source({}, deps).checkIn(REPORT, scene.token);
    expect(pauses).toEqual(expected);
  });

  it.each([400, 401, 403, 404, 500])('that is answered by %i is not', async (status) => {
    const scene = await startSourceScene();
    let asked = 0;
    scene.misbehave(/\/updates$/, (_, response) => {
      asked += 1;
      response.writeHead(status).end();
    });
    await expect(scene.source().checkIn(REPORT, scene.token)).rejects.toMatchObject({
      code: 'server-refused',
    });
    expect(asked).toBe(1);
  });
});

it('goes on with a download although the wall clock is set meanwhile', async () => {
  const scene = await startSourceScene();
  const { file } = await scene.addPatch('121.1');
  const path = join(scene.files, file);
  scene.misbehave(/^\/v1\/patches\//, (_, response) => {
    scene.misbehave(/^\/v1\/patches\//, undefined);
    response.writeHead(200, { 'content-length': 4000 });
    createReadStream(path, { end: 99 })
      .on('end', () => response.destroy())
      .pipe(response, { end: false });
  });
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
  const pause = async () => void vi.setSystemTime(Date.now() + HOUR);
  const server = scene.source({}, { pause });
  expect(await buffer(server.fetch(await newest(server, scene.token), scene.token))).toEqual(
    await readFile(path),
  );
});
