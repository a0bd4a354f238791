import { beforeEach, describe, expect, it } from 'vitest';
import { refresh } from '../../src/operations/refresh.ts';
import { revert } from '../../src/operations/revert.ts';
import { status } from '../../src/operations/status.ts';
import { type Sandbox, startPatchedSandbox } from './sandbox.ts';

const MODULE = 'lkp_Debian_6_1_0_56_amd64_121';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await startPatchedSandbox();
});

describe('revert', () => {
  it('takes the patch out, and it stays out: at a refresh, at boot, with nothing offered', async () => {
    const { kernel, server, context } = sandbox;
    expect(await revert(context)).toMatchObject({ patches: [{ version: '121.1' }], stillLoaded: [] });
    expect(kernel.modules()).toEqual([]);
    expect(await refresh(context)).toMatchObject({ held: [{ why: 'reverted' }] });
    kernel.reboot();
    expect(await refresh(context, { occasion: 'boot' })).toMatchObject({ held: [{ why: 'reverted' }] });
    server.drop('121.1');
    expect(await refresh(context)).toMatchObject({ held: [{ why: 'reverted' }] });
    expect(status(context)).toMatchObject({
      patchState: 'unapplied',
      version: '',
      held: [{ why: 'reverted' }],
    });
  });

  it('gives way to a newer patch, and to the administrator', async () => {
    const { server, context } = sandbox;
    await revert(context);
    expect(await refresh(context, { retryBlocked: true })).toMatchObject({ kind: 'applied' });
    await revert(context);
    server.publish('122.1');
    expect(await refresh(context)).toMatchObject({ kind: 'applied', patches: [{ version: '122.1' }] });
  });

  it('says that there is nothing of ours to take out', async () => {
    const { kernel, context } = sandbox;
    await revert(context);
    kernel.hold('kpatch_x');
    await expect(revert(context)).rejects.toMatchObject({
      message: 'there is no live patch of ours in the kernel; not ours: kpatch_x',
    });
    expect(kernel.look([]).livePatches).toHaveLength(1);
  });

  it('says why the kernel does not let go, and still knows the patch', async () => {
    const { kernel, context } = sandbox;
    kernel.refuseNextDisable();
    await expect(revert(context)).rejects.toMatchObject({
      code: 'kernel-refused',
      message: /refuses to disable/,
    });
    expect(status(context)).toMatchObject({ patchState: 'applied', version: '121.1', others: [] });
    expect(await revert(context)).toMatchObject({ patches: [{ version: '121.1' }], stillLoaded: [] });
  });

  it('says what stays loaded, out of use, and the next run unloads it', async () => {
    const { kernel, context } = sandbox;
    kernel.refuseNextRemove();
    expect(await revert(context)).toMatchObject({ patches: [{ version: '121.1' }], stillLoaded: [MODULE] });
    expect(kernel.look([]).livePatches).toEqual([]);
    expect(kernel.modules()).toEqual([MODULE]);
    await refresh(context);
    expect(kernel.modules()).toEqual([]);
  });

  it('whose module stays loaded lets no later run take its own failure for a crash', async () => {
    const { kernel, context, store } = sandbox;
    kernel.refuseNextRemove();
    await revert(context);
    kernel.refuseNextRemove();
    await expect(refresh(context, { retryBlocked: true })).rejects.toMatchObject({ code: 'kernel-refused' });
    expect(store.pending.all()).toEqual([]);
    kernel.reboot();
    expect(await refresh(context, { retryBlocked: true })).toMatchObject({ kind: 'applied' });
  });

  it('unloads what an earlier one could not', async () => {
    const { kernel, context } = sandbox;
    kernel.refuseNextRemove();
    await revert(context);
    expect(await revert(context)).toEqual({
      kind: 'reverted',
      patches: [],
      notOurs: [],
      unloaded: [MODULE],
      stillLoaded: [],
    });
    expect(kernel.modules()).toEqual([]);
  });
});
