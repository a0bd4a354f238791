import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { disable } from '../../src/operations/disable.ts';
import { enable } from '../../src/operations/enable.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { revert } from '../../src/operations/revert.ts';
import { type Scene, startScene } from './scene.ts';

const MINUTE = 60_000;

async function enabled(options?: Parameters<typeof startScene>[0]): Promise<Scene> {
  const scene = await startScene(options);
  await enable(scene.context, scene.authToken);
  return scene;
}

/** The same machine, some minutes later. */
const later = ({ context }: Scene, minutes: number) => ({
  ...context,
  now: () => new Date(Date.now() + minutes * MINUTE),
});

/** Every ping that the server was sent, in order. */
const told = ({ server }: Scene) =>
  server.database
    .pings()
    .flatMap(({ count, detail, event, version }) =>
      Array<string>(count).fill(`${version} ${event} ${detail}`.trim()),
    );

const APPLIED = ['121.1 before', '121.1 after', '121.1 transition', '121.1 settled 0'];

describe('pings', () => {
  it('tell of a patch on its way into the kernel, and nothing of the machine', async () => {
    const bodies: string[] = [];
    const scene = await enabled({
      async intercept(request, response) {
        if (request.url !== '/v1/pings') return false;
        expect(request.headers.authorization).toBeUndefined();
        bodies.push((await request.toArray()).join(''));
        response.writeHead(204).end();
        return true;
      },
    });
    scene.publish('121.1');
    await refresh(scene.context);
    const always = {
      ...{ schema: 2, architecture: 'amd64', tier: 'stable' },
      ...{ version: '121.1', kernel: '6.1.0-56-amd64' },
    };
    expect(bodies.map((body) => JSON.parse(body))).toEqual([
      { ...always, event: 'before' },
      { ...always, event: 'after' },
      { ...always, event: 'transition' },
      { ...always, event: 'settled', minutes: 0, transitionSeconds: expect.any(Number) },
    ]);
  });

  it('go on after 1, 5 and 15 minutes, with the refresh that comes next', async () => {
    const scene = await enabled();
    scene.publish('121.1');
    await refresh(scene.context);
    await refresh(later(scene, 6));
    expect(told(scene).slice(APPLIED.length)).toEqual(['121.1 settled 1', '121.1 settled 5']);
    await refresh(later(scene, 16));
    await refresh(later(scene, 60));
    expect(told(scene).slice(APPLIED.length + 2)).toEqual(['121.1 settled 15']);
    expect(scene.store.pings.read()).toEqual([]);
  });

  it('tell that the machine was rebooted, and what was done at boot before there was a network', async () => {
    const scene = await enabled();
    scene.publish('121.1');
    await refresh(scene.context);
    scene.kernel.reboot();
    const offline = { ...scene.context, connect: () => Promise.reject(new Error('no network')) };
    await refresh(offline, { occasion: 'boot' });
    expect(told(scene)).toEqual(APPLIED);
    await refresh(scene.context);
    expect(told(scene).sort()).toEqual(
      [...APPLIED, ...APPLIED, ...[1, 5, 15].map((minutes) => `121.1 rebooted settled ${minutes}`)].sort(),
    );
  });

  it('tell the code of an error, and then nothing of how that patch has settled', async () => {
    const scene = await enabled();
    scene.publish('121.1');
    scene.kernel.stallNextTransition();
    await expect(refresh(scene.context)).rejects.toMatchObject({ code: 'transition' });
    expect(told(scene)).toEqual([...APPLIED.slice(0, 3), '121.1 error transition']);
    expect(scene.store.pings.read()).toEqual([]);
  });

  it('tell of a patch that was refused', async () => {
    const scene = await enabled();
    scene.publish('121.1', { kernel: '6.1.0-1-amd64' });
    await expect(refresh(scene.context)).rejects.toMatchObject({ code: 'kernel-mismatch' });
    expect(told(scene)).toEqual(['121.1 error kernel-mismatch']);
  });

  it.each([
    ['revert', (scene: Scene) => revert(scene.context)],
    ['disable', (scene: Scene) => disable(scene.context, { unpatch: false })],
  ])('say no more of a patch after %s', async (_name, leave) => {
    const scene = await enabled();
    scene.publish('121.1');
    await refresh(scene.context);
    expect(scene.store.pings.read()).toHaveLength(3);
    await leave(scene);
    expect(scene.store.pings.read()).toEqual([]);
  });

  it('are not sent when they are turned off, nor made up for later', async () => {
    const scene = await enabled();
    scene.publish('121.1');
    await refresh(scene.context);
    scene.store.config.update({ pings: 'false' });
    scene.publish('122.1');
    await refresh(later(scene, 60));
    scene.store.config.update({ pings: '' });
    await refresh(later(scene, 120));
    expect(told(scene)).toEqual(APPLIED);
  });
});

describe('a patch does not wait for its pings', () => {
  it.each([
    ['refuses them', (end: () => void) => end()],
    ['never answers', () => {}],
  ])('when the server %s', async (_what, answer) => {
    const scene = await enabled({
      network: { limits: { ...(await import('../../src/limits.ts')).LIMITS.network, pingTime: 1000 } },
      intercept(request, response) {
        if (request.url !== '/v1/pings') return false;
        answer(() => response.writeHead(503, { 'retry-after': '30' }).end());
        return true;
      },
    });
    scene.publish('121.1');
    expect(await refresh(scene.context)).toMatchObject({ kind: 'applied' });
    // The first was not taken, so the others were not tried.
    const pings = scene.server.server.requests.filter(({ path }) => path === '/v1/pings');
    expect(pings).toHaveLength(1);
    expect(scene.whispered).toEqual([
      expect.stringMatching(/^ping 'before' of patch 121\.1 was not accepted: /),
    ]);
  });

  it('is inserted while the first is still on its way', async () => {
    const insertedThen: string[][] = [];
    const scene: Scene = await enabled({
      async intercept(request) {
        if (request.url !== '/v1/pings') return false;
        await setTimeout(300);
        insertedThen.push([...scene.kernel.deeds]);
        return false;
      },
    });
    scene.publish('121.1');
    await refresh(scene.context);
    expect(insertedThen[0]).toEqual(['insert lkp_Debian_6_1_0_56_amd64_121']);
    expect(told(scene)).toEqual(APPLIED);
  });

  it('nor for a note of them that cannot be written', async () => {
    const scene = await enabled();
    scene.publish('121.1');
    scene.store.pings.write = () => {
      throw new Error('no space left');
    };
    expect(await refresh(scene.context)).toMatchObject({ kind: 'applied' });
    expect(scene.whispered).toContain('pending pings could not be saved: no space left');
  });
});
