import { describe, expect, it } from 'vitest';
import { disable } from '../../src/operations/disable.ts';
import { enable } from '../../src/operations/enable.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { startScene } from './scene.ts';

const MINUTE = 60_000;

/** A machine that was enabled, and so has just checked, seen so many minutes later. */
async function enabledAgo(minutes: number, changes: Record<string, string> = {}) {
  const scene = await startScene();
  scene.store.config.update(changes);
  await enable(scene.world, scene.authToken);
  const later = Date.now() + minutes * MINUTE;
  return { ...scene, world: { ...scene.world, now: () => new Date(later) } };
}

describe('a scheduled refresh', () => {
  it.each([
    { interval: '60', minutes: 20, checks: false },
    { interval: '60', minutes: 31, checks: true },
    { interval: '180', minutes: 110, checks: false },
    { interval: '180', minutes: 151, checks: true },
    { interval: '0', minutes: 10_000, checks: false },
    // The clock was set back.
    { interval: '60', minutes: -600, checks: true },
  ])('with check-interval $interval, $minutes minutes after a check: $checks', async (given) => {
    const { world } = await enabledAgo(given.minutes, { 'check-interval': given.interval });

    const outcome = await refresh(world, { scheduled: true });

    expect(outcome).toEqual({ action: 'keep', why: given.checks ? 'nothing-offered' : 'not-due' });
  });

  it('is no failure on a machine that is not enabled', async () => {
    const { world } = await enabledAgo(0);
    await disable(world, { unpatch: false });

    expect(await refresh(world, { scheduled: true })).toEqual({ action: 'keep', why: 'not-enabled' });
  });

  it('checks at boot whatever the interval', async () => {
    const { kernel, publish, world } = await enabledAgo(1);
    publish('121.1');
    kernel.reboot();

    expect(await refresh(world, { scheduled: true, boot: true })).toMatchObject({ action: 'applied' });
  });

  it('only applies again at boot when checks are off', async () => {
    const { kernel, publish, world } = await enabledAgo(1, { 'check-interval': '0' });
    publish('121.1');
    await refresh(world);
    publish('122.1');
    kernel.reboot();

    expect(await refresh(world, { scheduled: true, boot: true })).toMatchObject({
      action: 'applied',
      patch: { version: '121.1' },
    });
  });
});
