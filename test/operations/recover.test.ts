import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { disable } from '../../src/operations/disable.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { revert } from '../../src/operations/revert.ts';
import { status } from '../../src/operations/status.ts';
import { type Sandbox, startPatchedSandbox } from './sandbox.ts';

const MODULE = 'lkp_Debian_6_1_0_56_amd64_121';
const HALF = '{"schema": 1, "patch": {"version": "12';

let sandbox: Sandbox;
let record: string;
beforeEach(async () => {
  sandbox = await startPatchedSandbox();
  record = join(sandbox.data, 'record.json');
});

describe('a record that cannot be understood', () => {
  beforeEach(() => {
    writeFileSync(record, HALF);
  });

  it('does not keep status from saying what the kernel holds', () => {
    expect(status(sandbox.world)).toMatchObject({
      patchState: 'unknown',
      others: [MODULE],
      recordError: expect.stringContaining(`${record} cannot be understood`),
    });
  });

  it('is put aside by the next run, which says so and knows the patch again', async () => {
    const { kernel, store, told, world } = sandbox;
    told.length = 0;
    expect(await refresh(world)).toEqual({ action: 'keep', why: 'already-applied' });
    expect(told).toContain(
      `the record cannot be understood: it is put aside as ${record}.unreadable, and a new one is begun`,
    );
    expect(readFileSync(`${record}.unreadable`, 'utf8')).toBe(HALF);
    expect(store.record.read().patch).toMatchObject({ version: '121.1', module: MODULE });
    expect(kernel.deeds).toEqual([`insert ${MODULE}`]);
  });

  it('does not open the way to an older patch', async () => {
    const { server, world } = sandbox;
    server.publish('120.1');
    server.withdraw('121.1');
    expect(await refresh(world)).toMatchObject({ action: 'hold', hold: { why: 'rollback' } });
  });

  it('does not lose the patch at boot', async () => {
    const { kernel, server, world } = sandbox;
    kernel.reboot();
    server.unreachable = true;
    expect(await refresh(world, { boot: true })).toMatchObject({
      action: 'applied',
      patch: { version: '121.1' },
    });
  });

  it.each([
    ['revert', (world: Sandbox['world']) => revert(world)],
    ['disable --unpatch', (world: Sandbox['world']) => disable(world, { unpatch: true })],
  ])('does not keep %s from taking the patch out', async (_what, command) => {
    await command(sandbox.world);
    expect(sandbox.kernel.modules()).toEqual([]);
  });

  it('by a later client is put aside too', async () => {
    writeFileSync(record, JSON.stringify({ schema: 2 }));
    await refresh(sandbox.world);
    expect(existsSync(`${record}.unreadable`)).toBe(true);
  });
});

describe('the next run', () => {
  it('sweeps up what a killed one left, and nothing else', async () => {
    const { common, world } = sandbox;
    const before = readdirSync(common, { recursive: true });
    for (const name of [
      'machine-token.01234567-89ab-4cde-8f01-23456789abcd.tmp',
      `patches/${'a'.repeat(64)}.partial`,
      'patches/.hidden',
    ]) {
      writeFileSync(join(common, name), 'half');
    }
    await refresh(world);
    expect(readdirSync(common, { recursive: true })).toEqual(before);
  });

  it('lifts a lock of this boot whose module never came in', async () => {
    const { kernel, store, world } = sandbox;
    const { bootId, kernel: release } = kernel.machine();
    store.locks.write({
      ...{ module: 'lkp_Debian_6_1_0_56_amd64_122', version: '122.1', kernel: release },
      ...{ bootId, at: '2026-11-22T12:00:00Z', attempt: 1 },
    });
    await refresh(world);
    expect(store.locks.all()).toEqual([]);
  });

  it('does without a patch of which nothing is left but the kernel', async () => {
    const { kernel, server, store, world } = sandbox;
    rmSync(record);
    store.payloads.keepOnly(undefined);
    server.withdraw('121.1');
    expect(await refresh(world)).toEqual({ action: 'keep', why: 'nothing-offered' });
    expect(status(world)).toMatchObject({ version: '', others: [MODULE] });
    expect(kernel.livePatches()).toHaveLength(1);
  });
});
