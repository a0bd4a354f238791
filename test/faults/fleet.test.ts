import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import type { Context } from '../../src/operations/context.ts';
import { enable } from '../../src/operations/enable.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { Secret } from '../../src/secret.ts';
import { openStore } from '../../src/store/store.ts';
import { fakeKernel, MACHINE } from '../fakes/kernel.ts';
import { startScene } from '../operations/scene.ts';
import { startServer } from '../server/server.ts';
import { temporaryDirectory } from '../temporary.ts';

vi.setConfig({ testTimeout: 120_000 });

const FLEET = 20;

/** Machines of their own, all of one server. */
async function startFleet() {
  // Shorter than in earnest, but waited for: the server is away for a moment that is as real.
  const pause = (milliseconds: number) => setTimeout(Math.min(milliseconds, 500));
  const scene = await startScene({ network: { pause, uptime: () => 0 } });
  const worlds = Array.from({ length: FLEET }, (_, number): Context => {
    const snap = temporaryDirectory();
    const common = join(snap, 'common');
    mkdirSync(common);
    const store = openStore({
      SNAP_NAME: 'canonical-livepatch',
      SNAP: snap,
      SNAP_COMMON: common,
      SNAP_DATA: join(snap, 'data'),
    });
    const { 'remote-server': url, 'ca-certs': ca, 'signing-certs': signers } = scene.store.config.texts();
    store.config.update({ 'remote-server': url, 'ca-certs': ca, 'signing-certs': signers });
    const id = number.toString(16).padStart(32, '0');
    return { ...scene.context, store, kernel: { ...fakeKernel(), machine: () => ({ ...MACHINE, id }) } };
  });
  return { ...scene, worlds };
}

it('serves twenty machines at once', async () => {
  const { publish, server, worlds } = await startFleet();
  publish('121.1');
  const enabled = await Promise.all(
    worlds.map((context) => enable(context, new Secret(server.database.addAuthToken()))),
  );
  expect(enabled.map(({ first }) => first)).toEqual(
    worlds.map(() => expect.objectContaining({ kind: 'applied' })),
  );
  publish('122.1');
  const outcomes = await Promise.all(worlds.map((context) => refresh(context)));
  expect(outcomes).toEqual(worlds.map(() => expect.objectContaining({ kind: 'applied' })));
});

it('brings all of them through the death of the server in mid-answer', async () => {
  const { publish, server, worlds } = await startFleet();
  await Promise.all(worlds.map((context) => enable(context, new Secret(server.database.addAuthToken()))));
  publish('121.1');
  const before = server.server.requests.length;
  const refreshed = Promise.all(worlds.map((context) => refresh(context)));
  // Some are checking in, some are downloading.
  while (server.server.requests.length < before + FLEET) await setTimeout(1);
  await server.server.close();
  await setTimeout(300);
  const again = await startServer({
    database: server.database,
    files: server.files,
    tls: server.pki,
    port: server.server.port,
  });
  expect(await refreshed).toEqual(worlds.map(() => expect.objectContaining({ kind: 'applied' })));
  expect(again.requests.length).toBeGreaterThan(0);
  await again.close();
});
