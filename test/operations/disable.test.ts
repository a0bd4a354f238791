import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { disable } from '../../src/operations/disable.ts';
import { enable } from '../../src/operations/enable.ts';
import { startScene } from './scene.ts';

const MODULE = 'lkp_Debian_6_1_0_56_amd64_121';

async function patched() {
  const scene = await startScene();
  scene.publish('121.1');
  await enable(scene.context, scene.authToken);
  return scene;
}

describe('disable', () => {
  it('says that there was nothing to disable', async () => {
    const { context } = await startScene();
    expect(await disable(context, { unpatch: false })).toMatchObject({ machineToken: undefined });
  });

  it('removes token and payloads, tells the server, and leaves the patch in the kernel', async () => {
    const { common, kernel, server, context } = await patched();
    expect(await disable(context, { unpatch: false })).toMatchObject({
      machineToken: expect.anything(),
      stillPatched: ['121.1'],
      serverNotTold: undefined,
    });
    expect(existsSync(join(common, 'machine-token'))).toBe(false);
    expect(readdirSync(join(common, 'patches'))).toEqual([]);
    expect(kernel.look([]).livePatches).toHaveLength(1);
    expect(server.server.requests.at(-1)).toMatchObject({ method: 'DELETE', status: 204 });
  });

  it('takes the patch out of the running kernel when asked to', async () => {
    const { kernel, context } = await patched();
    expect(await disable(context, { unpatch: true })).toMatchObject({ stillPatched: [] });
    expect(kernel.deeds).toEqual([`insert ${MODULE}`, `disable ${MODULE}`, `remove ${MODULE}`]);
  });

  it('works without the server', async () => {
    const { common, server, context } = await patched();
    await server.server.close();
    const { serverNotTold } = await disable(context, { unpatch: false });
    expect(serverNotTold).toMatch(/^DELETE request to ".*" failed$/);
    expect(existsSync(join(common, 'machine-token'))).toBe(false);
  });

  it('changes nothing when the kernel does not let go of the patch', async () => {
    const { common, kernel, context } = await patched();
    kernel.disable = async () => {
      throw new Error('still in use');
    };
    await expect(disable(context, { unpatch: true })).rejects.toThrow('still in use');
    expect(existsSync(join(common, 'machine-token'))).toBe(true);
  });

  it('lets the machine be enabled again, and knows what its kernel holds', async () => {
    const { kernel, server, context } = await patched();
    await disable(context, { unpatch: false });
    const { Secret } = await import('../../src/secret.ts');
    const again = await enable(context, new Secret(server.database.addAuthToken()));
    expect(again.first).toMatchObject({ kind: 'kept', why: 'already-applied' });
    expect(kernel.deeds).toEqual([`insert ${MODULE}`]);
  });
});
