import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { enable } from '../../src/operations/enable.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { status } from '../../src/operations/status.ts';
import { startScene } from '../operations/scene.ts';
import { startServer } from '../server/server.ts';
import { temporaryDirectory } from '../temporary.ts';

vi.setConfig({ testTimeout: 30_000 });

describe('a check-in', () => {
  /** A machine whose server is away, and comes back after so many pauses. */
  async function away({ uptime, pauses }: { uptime: number; pauses: number }) {
    let paused = 0;
    const scene = await startScene({
      network: {
        uptime: () => uptime,
        async pause() {
          paused += 1;
          if (paused === pauses)
            back.push(await startServer({ ...server, tls: server.pki, port: server.server.port }));
        },
      },
    });
    const { server } = scene;
    const back: Awaited<ReturnType<typeof startServer>>[] = [];
    await enable(scene.context, scene.authToken);
    await server.server.close();
    const result = await refresh(scene.context).catch((error) => error);
    for (const running of back) await running.close();
    return { result, paused, told: scene.told };
  }

  it('waits for a network that comes up late after boot', async () => {
    const { result, paused, told } = await away({ uptime: 20_000, pauses: 12 });
    expect(result).toEqual({ action: 'keep', why: 'nothing-offered' });
    expect(paused).toBe(12);
    expect(told).toContainEqual(
      expect.stringMatching(/^POST request to ".*\/updates" failed; trying again in \d+ s$/),
    );
  });

  it('does not wait as long on a machine that has been up for long', async () => {
    const { result, paused } = await away({ uptime: 3_600_000, pauses: 12 });
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
    let busy = true;
    const scene = await startScene({
      network: { random: () => 0, uptime: () => 3_600_000, pause: async (time) => void pauses.push(time) },
      intercept(request, response) {
        if (!busy || !request.url?.endsWith('/updates')) return false;
        busy = false;
        response.writeHead(status, retryAfter === undefined ? {} : { 'retry-after': retryAfter }).end();
        return true;
      },
    });
    await enable(scene.context, scene.authToken);
    expect(pauses).toEqual(expected);
  });

  it.each([400, 401, 403, 404, 500])('that is answered by %i is not', async (status) => {
    let asked = 0;
    const scene = await startScene({
      intercept(request, response) {
        if (!request.url?.endsWith('/updates')) return false;
        asked += 1;
        response.writeHead(status).end();
        return true;
      },
    });
    const { first } = await enable(scene.context, scene.authToken);
    expect(first).toMatchObject({ code: 'server-refused' });
    expect(asked).toBe(1);
  });
});

it('trusts the CAs that are shipped in $SNAP/ca', async () => {
  const SNAP = temporaryDirectory();
  const scene = await startScene({ network: { env: { SNAP } } });
  scene.store.config.update({ 'ca-certs': '' });
  await expect(enable(scene.context, scene.authToken)).rejects.toMatchObject({ code: 'network' });
  mkdirSync(join(SNAP, 'ca'));
  copyFileSync(join(scene.server.pki.authority.directory, 'ca.pem'), join(SNAP, 'ca', 'ours.pem'));
  expect(await enable(scene.context, scene.authToken)).toMatchObject({ first: { action: 'keep' } });
  expect(readdirSync(SNAP)).toEqual(['ca']);
});

describe('a server that is not https', () => {
  const warning = expect.stringMatching(/^remote-server http:.* is not https: /);

  it('is warned of when it is enabled, and by status since', async () => {
    const scene = await startScene({ tls: false });
    await enable(scene.context, scene.authToken);
    expect(scene.told).toContainEqual(
      expect.stringMatching(/^warning: remote-server http:.* is not https: /),
    );
    expect(status(scene.context).warnings).toEqual([warning]);
  });

  it('is warned of by status even if it never answers, and no more when it is https again', async () => {
    const scene = await startScene();
    await enable(scene.context, scene.authToken);
    expect(status(scene.context).warnings).toEqual([]);
    const url = scene.server.server.url;
    scene.store.config.update({ 'remote-server': url.replace('https:', 'http:') });
    await expect(refresh(scene.context)).rejects.toMatchObject({ code: 'network' });
    expect(status(scene.context).warnings).toEqual([warning]);
    scene.store.config.update({ 'remote-server': url });
    await refresh(scene.context);
    expect(status(scene.context).warnings).toEqual([]);
  });
});
