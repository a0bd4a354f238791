import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { disable } from '../../src/operations/disable.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { revert } from '../../src/operations/revert.ts';
import { status } from '../../src/operations/status.ts';
import type { AppliedPatch } from '../../src/types.ts';
import { type Sandbox, startPatchedSandbox, UNTRUSTED } from './sandbox.ts';

const MODULE = 'lkp_Debian_6_1_0_56_amd64_121';
const HALF = '{"schema": 1, "patch": {"version": "12';

let sandbox: Sandbox;
let stateFile: string;
beforeEach(async () => {
  sandbox = await startPatchedSandbox();
  stateFile = join(sandbox.data, 'state.json');
});

describe('a state file that cannot be understood', () => {
  beforeEach(() => {
    writeFileSync(stateFile, HALF);
  });

  it('does not keep status from saying what the kernel holds', () => {
    expect(status(sandbox.context)).toMatchObject({
      patchState: 'unknown',
      others: [MODULE],
      stateError: expect.stringContaining(`${stateFile} cannot be understood`),
    });
  });

  it('is moved away by the next run, which says so and knows the patch again', async () => {
    const { kernel, store, told, context } = sandbox;
    told.length = 0;
    expect(await refresh(context)).toMatchObject({ kind: 'kept', why: 'already-applied' });
    expect(told).toContain(`the state file is corrupt; moved to ${stateFile}.unreadable, starting fresh`);
    expect(readFileSync(`${stateFile}.unreadable`, 'utf8')).toBe(HALF);
    expect(store.state.read().applied).toMatchObject([{ version: '121.1', module: MODULE }]);
    expect(kernel.deeds).toEqual([`insert ${MODULE}`]);
  });

  it('does not open the way to an older patch', async () => {
    const { server, context } = sandbox;
    server.publish('120.1');
    server.drop('121.1');
    expect(await refresh(context)).toMatchObject({
      kind: 'kept',
      why: 'already-applied',
      held: [{ why: 'rollback' }],
    });
  });

  it('does not lose the patch at boot', async () => {
    const { kernel, server, context } = sandbox;
    kernel.reboot();
    server.unreachable = true;
    expect(await refresh(context, { occasion: 'boot' })).toMatchObject({
      kind: 'applied',
      patches: [{ version: '121.1' }],
    });
  });

  it.each([
    ['revert', (context: Sandbox['context']) => revert(context)],
    ['disable --unpatch', (context: Sandbox['context']) => disable(context, { unpatch: true })],
  ])('does not keep %s from taking the patch out', async (_what, command) => {
    await command(sandbox.context);
    expect(sandbox.kernel.modules()).toEqual([]);
  });

  it('by a later client is moved away, too', async () => {
    writeFileSync(stateFile, JSON.stringify({ schema: 2 }));
    await refresh(sandbox.context);
    expect(existsSync(`${stateFile}.unreadable`)).toBe(true);
  });
});

describe('the next run', () => {
  it('sweeps up what a killed one left, and nothing else', async () => {
    const { common, context } = sandbox;
    const before = readdirSync(common, { recursive: true });
    for (const name of [
      'machine-token.01234567-89ab-4cde-8f01-23456789abcd.tmp',
      `patches/${'a'.repeat(64)}.partial`,
      'patches/.hidden',
    ]) {
      writeFileSync(join(common, name), 'half');
    }
    await refresh(context);
    expect(readdirSync(common, { recursive: true })).toEqual(before);
  });

  it('clears a pending insertion of this boot whose module never came in', async () => {
    const { store, context } = sandbox;
    const [applied] = store.state.read().applied;
    const { appliedAt: at, bootId, transitionSeconds: _, ...first } = applied as AppliedPatch;
    const patch = {
      ...first,
      version: '122.1',
      digest: 'f'.repeat(128),
      module: 'lkp_Debian_6_1_0_56_amd64_122',
    };
    store.pending.write({ patch, bootId, at, attempt: 1 });
    await refresh(context);
    expect(store.pending.all()).toEqual([]);
  });

  it('does without a patch of which nothing is left but the kernel', async () => {
    const { kernel, server, store, context } = sandbox;
    rmSync(stateFile);
    store.payloads.keepOnly(new Set());
    server.drop('121.1');
    expect(await refresh(context)).toMatchObject({ kind: 'kept', why: 'nothing-offered' });
    expect(status(context)).toMatchObject({ version: '', others: [MODULE] });
    expect(kernel.look([]).livePatches).toHaveLength(1);
  });
});

describe('an insertion that a killed run has begun', () => {
  const NEWER = 'lkp_Debian_6_1_0_56_amd64_123';

  /** Dies at once after the module went in, while its transition is under way. */
  async function killedAtInsertion(options: { retryBlocked?: boolean } = {}): Promise<void> {
    const { kernel, context } = sandbox;
    const before = kernel.deeds.length;
    sandbox.dieWhen(() => kernel.deeds.slice(before).some((deed) => deed.startsWith('insert')));
    await expect(refresh(context, options)).rejects.toThrow('killed');
    expect(sandbox.settle()).toBe(true);
    expect(kernel.look([]).livePatches?.filter(({ inTransition }) => inTransition)).toHaveLength(1);
    sandbox.told.length = 0;
  }

  const atRest = (name: string) => [{ name, enabled: true, inTransition: false }];

  it('is gone on with, when an administrator had asked for what he had reverted', async () => {
    const { kernel, store, context } = sandbox;
    await revert(context);
    await killedAtInsertion({ retryBlocked: true });
    expect(await refresh(context)).toMatchObject({ kind: 'applied', patches: [{ version: '121.1' }] });
    expect(kernel.look([]).livePatches).toEqual(atRest(MODULE));
    expect(store.pending.all()).toEqual([]);
    expect(store.state.read().reverted).toEqual([]);
  });

  it('is watched to the end, and known then, when it is newer than a new cutoff-date', async () => {
    const { kernel, server, store, context } = sandbox;
    server.publish('123.1');
    await killedAtInsertion();
    store.config.update({ 'cutoff-date': '2025-01-01T00:00:00Z' });
    expect(await refresh(context)).toMatchObject({ kind: 'applied', patches: [{ version: '123.1' }] });
    expect(sandbox.told).toContain('watching the kernel for 10 s');
    expect(kernel.deeds).toEqual([`insert ${MODULE}`, `insert ${NEWER}`, `remove ${MODULE}`]);
    expect(kernel.look([]).livePatches).toEqual(atRest(NEWER));
    expect(store.pending.all()).toEqual([]);
    expect(status(context)).toMatchObject({ patchState: 'applied', version: '123.1' });
  });

  it('is watched to the end, and replaced then, when the server has withdrawn it', async () => {
    const { kernel, server, store, told, context } = sandbox;
    server.publish('123.1');
    await killedAtInsertion();
    server.withdraw('123.1');
    expect(await refresh(context)).toMatchObject({
      kind: 'applied',
      patches: [{ version: '123.1' }, { version: '121.1' }],
    });
    expect(told.filter((step) => step === 'watching the kernel for 10 s')).toHaveLength(2);
    expect(kernel.modules()).toEqual([MODULE]);
    expect(store.pending.all()).toEqual([]);
  });

  it('is watched to the end in a mode that lets nothing be applied', async () => {
    const { kernel, server, store, context } = sandbox;
    server.publish('123.1');
    await killedAtInsertion();
    kernel.setMode({ contact: true, apply: false, sources: ['the mode file'] });
    expect(await refresh(context)).toMatchObject({ kind: 'applied', patches: [{ version: '123.1' }] });
    expect(kernel.look([]).livePatches).toEqual(atRest(NEWER));
    expect(store.pending.all()).toEqual([]);
  });

  it('is watched to the end when what is due now cannot be obtained', async () => {
    const { kernel, server, store, context } = sandbox;
    server.publish('123.1');
    await killedAtInsertion();
    server.publish(UNTRUSTED);
    await expect(refresh(context)).rejects.toMatchObject({ code: 'signature' });
    expect(kernel.look([]).livePatches).toEqual(atRest(NEWER));
    expect(store.pending.all()).toEqual([]);
  });

  it('tells of a bug that the kernel finds in it', async () => {
    const { kernel, server, store, context } = sandbox;
    server.publish('123.1');
    await killedAtInsertion();
    store.config.update({ 'cutoff-date': '2025-01-01T00:00:00Z' });
    context.sleep = async () => kernel.fault(NEWER);
    await expect(refresh(context)).rejects.toMatchObject({ code: 'kernel-bug' });
    expect(store.pending.all()).toMatchObject([{ patch: { version: '123.1' }, trace: expect.any(Array) }]);
  });

  it('is not put off by a timer until the next check', async () => {
    const { kernel, server, store, context } = sandbox;
    server.publish('123.1');
    await killedAtInsertion();
    store.config.update({ 'check-interval': '0' });
    server.unreachable = true;
    expect(await refresh(context, { occasion: 'timer' })).toMatchObject({
      kind: 'applied',
      patches: [{ version: '123.1' }],
    });
    expect(kernel.look([]).livePatches).toEqual(atRest(NEWER));
    expect(store.pending.all()).toEqual([]);
    expect(store.state.read().applied.at(-1)?.version).toBe('123.1');
  });

  it('goes, when its transition does not end', async () => {
    const { kernel, server, store, context } = sandbox;
    server.publish('123.1');
    kernel.stallNextTransition();
    await killedAtInsertion();
    store.config.update({ 'cutoff-date': '2025-01-01T00:00:00Z' });
    await expect(refresh(context)).rejects.toMatchObject({ code: 'transition' });
    expect(kernel.modules()).toEqual([MODULE]);
    expect(store.pending.all()).toEqual([]);
  });

  it('goes, when it was on its way out', async () => {
    const { kernel, server, store, context } = sandbox;
    server.publish('123.1');
    await killedAtInsertion();
    await kernel.waitForTransition(NEWER);
    await kernel.disable(NEWER);
    store.config.update({ 'cutoff-date': '2025-01-01T00:00:00Z' });
    await refresh(context);
    expect(kernel.modules()).not.toContain(NEWER);
    expect(store.pending.all()).toEqual([]);
  });

  it.each([
    ['revert', (context: Sandbox['context']) => revert(context)],
    ['disable --unpatch', (context: Sandbox['context']) => disable(context, { unpatch: true })],
  ])('is taken out by %s, with what it was to replace', async (_what, command) => {
    const { kernel, server, store, context } = sandbox;
    server.publish('123.1');
    await killedAtInsertion();
    await command(context);
    expect(kernel.modules()).toEqual([]);
    expect(store.pending.all()).toEqual([]);
  });
});
