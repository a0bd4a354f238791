import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { enable } from '../../src/operations/enable.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { status } from '../../src/operations/status.ts';
import { Secret } from '../../src/secret.ts';
import { type Sandbox, startSandbox } from './sandbox.ts';

const MODULE = 'lkp_Debian_6_1_0_56_amd64_121';
let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = startSandbox();
  onTestFinished(() => sandbox[Symbol.dispose]());
  await enable(sandbox.context, new Secret('an-auth-token'));
  sandbox.server.publish('121.1');
});

describe('a patch that the kernel finds a bug in', () => {
  it('is told, keeps its lock with the trace, and stays out of the kernel after a reboot', async () => {
    const { kernel, store, context } = sandbox;
    context.sleep = async () => {
      kernel.say('something else');
      kernel.fault(MODULE);
      kernel.say('something after it');
    };
    await expect(refresh(context)).rejects.toMatchObject({
      code: 'kernel-bug',
      exitStatus: 71,
      message: expect.stringContaining(`locks/${MODULE}_121.1`),
    });
    expect(status(context)).toMatchObject({ patchState: 'applied-with-bug', version: '121.1' });
    const [pending] = store.pending.all();
    expect(pending?.patch.version).toBe('121.1');
    expect(pending?.trace?.join('\n')).toContain(`[${MODULE}]`);
    expect(pending?.trace?.join('\n')).not.toContain('something');

    kernel.reboot();
    expect(await refresh(context, { occasion: 'boot' })).toMatchObject({
      kind: 'held',
      held: [{ why: 'kernel-bug' }],
    });
    expect(kernel.look([]).livePatches).toEqual([]);
  });

  it('is no other than the one that it points at', async () => {
    const { kernel, context } = sandbox;
    context.sleep = async () => {
      kernel.fault('ext4');
      kernel.say(`Modules linked in: ${MODULE}(OEK)`);
    };
    expect(await refresh(context)).toMatchObject({ kind: 'applied' });
    expect(sandbox.store.pending.all()).toEqual([]);
  });
});

describe('a patch that the machine went down with', () => {
  beforeEach(async () => {
    await crash();
  });

  /** The machine goes down while the patch is watched. */
  async function crash(uptimeSeconds?: number): Promise<void> {
    const { kernel, context } = sandbox;
    const { sleep } = context;
    context.sleep = async () => {
      throw new Error('the machine went down');
    };
    await expect(refresh(context)).rejects.toThrow('went down');
    context.sleep = sleep;
    kernel.reboot(uptimeSeconds);
  }

  it('is held back, and status names its lock and what is missed', async () => {
    const { kernel, context } = sandbox;
    expect(await refresh(context, { occasion: 'boot' })).toMatchObject({
      kind: 'held',
      held: [{ why: 'not-yet' }],
    });
    expect(status(context).held).toMatchObject([
      { message: expect.stringContaining(`locks/${MODULE}_121.1`), missed: ['CVE-2026-0001'] },
    ]);
    expect(kernel.look([]).livePatches).toEqual([]);
  });

  it('is tried once more when the machine has been up for a while, and then no more', async () => {
    const { kernel, context } = sandbox;
    kernel.stayUp(899);
    expect(await refresh(context)).toMatchObject({ held: [{ why: 'not-yet' }] });
    kernel.stayUp(900);
    await crash();
    kernel.stayUp(90_000);
    expect(await refresh(context)).toMatchObject({ held: [{ why: 'crashed' }] });
    expect(status(context).patchState).toBe('apply-failed');
  });

  it('is forgiven when it settles at the second try', async () => {
    const { kernel, store, context } = sandbox;
    kernel.stayUp(900);
    expect(await refresh(context)).toMatchObject({ kind: 'applied' });
    expect(store.pending.all()).toEqual([]);
  });

  it('is tried again at once when the administrator says so', async () => {
    expect(await refresh(sandbox.context, { retryBlocked: true })).toMatchObject({ kind: 'applied' });
  });

  it('does not stand in the way of a newer one', async () => {
    const { server, context } = sandbox;
    server.publish('122.1');
    expect(await refresh(context)).toMatchObject({ kind: 'applied', patches: [{ version: '122.1' }] });
  });

  it('is not forgotten when the kernel refuses the second try', async () => {
    const { kernel, store, context } = sandbox;
    kernel.stayUp(900);
    const [before] = store.pending.all();
    kernel.refuseNextInsert('Cannot allocate memory');
    await expect(refresh(context)).rejects.toMatchObject({ code: 'kernel-refused' });
    expect(store.pending.all()).toEqual([before]);
  });
});

describe('another minor version', () => {
  beforeEach(async () => {
    await refresh(sandbox.context);
    sandbox.server.publish('121.2');
  });

  it('takes the place of the one whose module has the same name', async () => {
    const { kernel, versionOf, context } = sandbox;
    expect(await refresh(context)).toMatchObject({ kind: 'applied', patches: [{ version: '121.2' }] });
    expect(versionOf(MODULE)).toBe('121.2');
    expect(kernel.deeds.slice(1)).toEqual([`disable ${MODULE}`, `remove ${MODULE}`, `insert ${MODULE}`]);
  });

  it('makes way again when the kernel refuses it', async () => {
    const { kernel, store, versionOf, context } = sandbox;
    kernel.refuseNextInsert('Invalid module format');
    await expect(refresh(context)).rejects.toMatchObject({ code: 'kernel-refused' });
    expect(versionOf(MODULE)).toBe('121.1');
    expect(kernel.look([]).livePatches).toEqual([{ name: MODULE, enabled: true, inTransition: false }]);
    expect(status(context)).toMatchObject({ patchState: 'apply-failed', version: '121.1' });
    expect(store.pending.all()).toEqual([]);
  });
});

describe('a clock', () => {
  it.each(['1970-01-01T00:00:00Z', '2024-01-01T00:00:00Z', '2099-01-01T00:00:00Z'])(
    'that jumps to %s holds nothing back, at a refresh or at boot',
    async (now) => {
      const { kernel, context } = sandbox;
      context.now = () => new Date(now);
      expect(await refresh(context)).toMatchObject({ kind: 'applied' });
      context.now = () => new Date('2026-11-22T12:00:00Z');
      expect(await refresh(context)).toMatchObject({ kind: 'kept', why: 'already-applied' });
      kernel.reboot();
      context.now = () => new Date(now);
      expect(await refresh(context, { occasion: 'boot' })).toMatchObject({
        kind: 'applied',
        patches: [{ version: '121.1' }],
      });
      expect(kernel.look([]).livePatches).toHaveLength(1);
    },
  );
});

describe('a patch that the server has withdrawn', () => {
  it('is not applied again after a reboot, and status keeps saying so', async () => {
    const { kernel, server, context } = sandbox;
    await refresh(context);
    server.withdraw('121.1');
    await refresh(context);
    kernel.reboot();
    await refresh(context, { occasion: 'boot' });
    await refresh(context);
    expect(kernel.look([]).livePatches).toEqual([]);
    expect(status(context)).toMatchObject({ patchState: 'unapplied', held: [{ why: 'withdrawn' }] });
  });
});
