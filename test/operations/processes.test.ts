import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { enable } from '../../src/operations/enable.ts';
import { type Scene, startScene } from './scene.ts';

const MODULE = 'lkp_Debian_6_1_0_56_amd64_121';

/** Runs a command on a scene's machine, in a process of its own. */
function child({ common, data }: Scene, dieAt?: string) {
  return execa(process.execPath, [join(import.meta.dirname, 'child.ts')], {
    env: {
      ...{
        SNAP_NAME: 'canonical-livepatch',
        SNAP: common,
        SNAP_COMMON: common,
        SNAP_DATA: data,
        KERNEL_FILE: kernelFile(data),
      },
      ...(dieAt === undefined ? {} : { DIE_AT: dieAt }),
    },
    reject: false,
  });
}

const kernelFile = (data: string) => join(data, '../kernel.json');
const kernelOf = ({ data }: Scene) => JSON.parse(readFileSync(kernelFile(data), 'utf8'));

async function enabled(): Promise<Scene> {
  const scene = await startScene();
  await enable(scene.context, scene.authToken);
  scene.publish('121.1');
  return scene;
}

describe('a process that is killed', () => {
  it.each([
    'checking in',
    'downloading patch',
    'verifying patch',
    'inserting',
    'waiting for the transition',
    'watching the kernel',
  ])(
    'at "%s" leaves a machine that the next one brings on',
    async (step) => {
      const scene = await enabled();
      expect(await child(scene, step)).toMatchObject({ signal: 'SIGKILL' });
      expect(await child(scene)).toMatchObject({ exitCode: 0, stderr: '' });
      expect(kernelOf(scene).patches).toMatchObject([{ name: MODULE, enabled: true, inTransition: false }]);
      const { applied, failure } = scene.store.state.read();
      expect({ failure, version: applied.at(-1)?.version }).toEqual({ failure: undefined, version: '121.1' });
      expect(scene.store.pending.all()).toEqual([]);
    },
    30_000,
  );
});

describe('twenty processes at a time', () => {
  it('take turns: one of them applies the patch, and who has to give up says who is at work', async () => {
    const scene = await enabled();
    const results = await Promise.all(Array.from({ length: 20 }, () => child(scene)));
    for (const { exitCode, stderr } of results) {
      if (exitCode !== 0)
        expect(stderr).toMatch(/^another canonical-livepatch is running \(refresh, pid \d+\)$/);
      expect([0, 75]).toContain(exitCode);
    }
    expect(results.some(({ exitCode }) => exitCode === 0)).toBe(true);
    expect(readFileSync(`${kernelFile(scene.data)}.deeds`, 'utf8')).toBe(`insert ${MODULE}\n`);
    expect(scene.store.state.read()).toMatchObject({ applied: [{ version: '121.1' }] });
    expect(scene.store.pending.all()).toEqual([]);
  }, 120_000);
});
