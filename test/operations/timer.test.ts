import { describe, expect, it } from 'vitest';
import { enable } from '../../src/operations/enable.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { type Scene, startScene } from './scene.ts';

const MINUTE = 60_000;
const later = ({ context }: Scene, minutes: number) => ({
  ...context,
  now: () => new Date(Date.now() + minutes * MINUTE),
});
const NOT_DUE = { kind: 'kept', why: 'not-due', held: [] };
const CHECKED = { kind: 'kept', why: 'nothing-offered', held: [] };

async function enabledScene(): Promise<Scene> {
  const scene = await startScene();
  await enable(scene.context, scene.authToken);
  return scene;
}

describe("a timer's refresh", () => {
  it('checks whenever the hourly timer elapses, early or late in its hour', async () => {
    const scene = await enabledScene();
    expect(await refresh(later(scene, 1), { occasion: 'timer' })).toEqual(CHECKED);
    expect(await refresh(later(scene, 119), { occasion: 'timer' })).toEqual(CHECKED);
  });

  it('keeps to a longer check-interval, as near as an hourly timer can', async () => {
    const scene = await enabledScene();
    scene.store.config.update({ 'check-interval': '1440' });
    expect(await refresh(later(scene, 22 * 60), { occasion: 'timer' })).toEqual(NOT_DUE);
    expect(await refresh(later(scene, 23 * 60 + 1), { occasion: 'timer' })).toEqual(CHECKED);
  });

  it('tries again at once after a check that failed', async () => {
    const scene = await enabledScene();
    const { lastGoodCheck: _, ...rest } = scene.store.state.read();
    scene.store.state.write({ ...rest, lastCheck: { at: new Date().toISOString(), error: 'x' } });
    expect(await refresh(scene.context, { occasion: 'timer' })).toEqual(CHECKED);
  });

  it('does nothing when check-interval is 0, at boot neither, but for a person', async () => {
    const scene = await enabledScene();
    scene.store.config.update({ 'check-interval': '0' });
    const before = scene.store.state.read().lastCheck;
    expect(await refresh(later(scene, 9999), { occasion: 'timer' })).toEqual(NOT_DUE);
    await refresh(scene.context, { occasion: 'boot' });
    expect(scene.store.state.read().lastCheck).toEqual(before);
    expect(await refresh(scene.context)).toEqual(CHECKED);
  });

  it('is left to the timer at boot, but for a machine that has heard nothing for a day', async () => {
    const scene = await enabledScene();
    const before = scene.store.state.read().lastCheck;
    await refresh(later(scene, 60), { occasion: 'boot' });
    expect(scene.store.state.read().lastCheck).toEqual(before);
    await refresh(later(scene, 24 * 60 + 1), { occasion: 'boot' });
    expect(scene.store.state.read().lastCheck).not.toEqual(before);
  });

  it('is not put off at the first boot of another kernel, which has no patch yet', async () => {
    const scene = await enabledScene();
    const before = scene.store.state.read().lastCheck;
    scene.kernel.reboot(10, '6.1.0-57-amd64');
    await refresh(scene.context, { occasion: 'boot' });
    expect(scene.store.state.read().lastCheck).not.toEqual(before);
  });

  it('is no failure on a machine that is not enabled', async () => {
    const { context } = await startScene();
    expect(await refresh(context, { occasion: 'timer' })).toMatchObject({ kind: 'kept', why: 'not-enabled' });
    await expect(refresh(context)).rejects.toMatchObject({ code: 'not-enabled' });
  });
});
