import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { LivepatchError } from '../../src/errors.ts';
import { enable } from '../../src/operations/enable.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { makeSigner } from '../patch/make/pki.ts';
import { patchFile, type Scene, startScene } from './scene.ts';

const MODULE = 'lkp_Debian_6_1_0_56_amd64_121';
const DAY = 86_400_000;

/** Patch 121.1 was applied in the boot before this one, and its file was changed since. */
let scene: Scene;
let file: string;
let good: Buffer;
beforeEach(async () => {
  scene = await startScene();
  scene.publish('121.1');
  await enable(scene.context, scene.authToken);
  const patches = join(scene.common, 'patches');
  file = join(patches, readdirSync(patches)[0] as string);
  good = readFileSync(file);
  // A genuine form, by somebody else, in the place of what was verified.
  writeFileSync(file, patchFile('121.1', { signer: makeSigner() }));
  scene.kernel.reboot();
  scene.kernel.deeds.length = 0;
});

it.each([
  ['and the last check was weeks ago', () => (scene.context.now = () => new Date(Date.now() + 30 * DAY))],
  ['and the last check was a moment ago', () => {}],
  ['and automatic checks are off', () => scene.store.config.update({ 'check-interval': '0' })],
])('is fetched again at boot when it was changed on disk %s', async (_when, prepare) => {
  prepare();
  expect(await refresh(scene.context, { occasion: 'boot' })).toMatchObject({
    kind: 'applied',
    patches: [{ version: '121.1' }],
  });
  expect(readFileSync(file)).toEqual(good);
  expect(scene.kernel.deeds).toEqual([`insert ${MODULE}`]);
  expect(scene.store.state.read().failure).toBeUndefined();
});

it('is not applied at boot without the server, and the next refresh repairs it', async () => {
  const { context, kernel, store } = scene;
  const offline = { ...context, connect: () => Promise.reject(new LivepatchError('network', 'no network')) };
  await expect(refresh(offline, { occasion: 'boot' })).rejects.toMatchObject({ code: 'digest' });
  expect(kernel.deeds).toEqual([]);
  expect(await refresh(context)).toMatchObject({ kind: 'applied', patches: [{ version: '121.1' }] });
  expect(store.state.read().failure).toBeUndefined();
});
