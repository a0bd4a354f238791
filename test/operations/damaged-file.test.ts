import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { enable } from '../../src/operations/enable.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { makeSigner } from '../patch/make/pki.ts';
import { startScene } from './scene.ts';

it('does not apply at boot what was changed on disk meanwhile', async () => {
  const { authToken, common, kernel, publish, server, context } = await startScene();
  publish('121.1');
  await enable(context, authToken);
  // A patch file by somebody else, put in the place of the one that was verified.
  publish('122.1', { signer: makeSigner() });
  const [payload = ''] = readdirSync(join(common, 'patches'));
  const file = readdirSync(server.files).find((name) => name.includes('-122.1-')) ?? '';
  writeFileSync(join(common, 'patches', payload), readFileSync(join(server.files, file)));
  kernel.reboot();
  kernel.deeds.length = 0;
  await expect(refresh(context, { occasion: 'boot' })).rejects.toMatchObject({ code: 'signature' });
  expect(kernel.deeds).toEqual([]);
});
