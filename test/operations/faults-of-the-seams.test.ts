import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { LivepatchError } from '../../src/errors.ts';
import { enable } from '../../src/operations/enable.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { status } from '../../src/operations/status.ts';
import { Secret } from '../../src/secret.ts';
import { type Sandbox, startPatchedSandbox, startSandbox } from './sandbox.ts';

/** What went wrong where one part took another's word; a damaged file has a test of its own. */

const FIRST = 'lkp_Debian_6_1_0_56_amd64_121';
const SECOND = 'lkp_Debian_6_1_0_56_amd64_122';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await startPatchedSandbox();
});

describe('status, with 121.1 in the kernel and 122.1 known', () => {
  it('does not say applied while 122.1 is only known', async () => {
    const { server, store, context } = sandbox;
    server.publish('122.1');
    sandbox.dieWhen(() => store.state.read().advice?.candidates[0]?.version === '122.1');
    await expect(refresh(context)).rejects.toThrow('killed');
    sandbox.settle();
    expect(status(context).patchState).not.toBe('applied');
  });

  it('does not say applied while 122.1 is going in', async () => {
    const { kernel, server, context } = sandbox;
    server.publish('122.1');
    sandbox.dieWhen(() => kernel.deeds.includes(`insert ${SECOND}`));
    await expect(refresh(context)).rejects.toThrow('killed');
    sandbox.settle();
    expect(status(context).patchState).toBe('applying');
  });
});

describe('a module without a build id', () => {
  it.each([
    ['121.1', '121.2'],
    ['124.1', '124.2'],
  ])('%s gives way to %s, whose code is then in the kernel', async (older, newer) => {
    const { kernel, server, versionOf, context } = sandbox;
    server.publish(older);
    await refresh(context);
    server.publish(newer);
    expect(await refresh(context)).toMatchObject({ kind: 'applied', patches: [{ version: newer }] });
    const [module = ''] = kernel.modules();
    expect(versionOf(module)).toBe(newer);
    expect(status(context)).toMatchObject({ patchState: 'applied', version: newer });
  });
});

describe('an error while cleaning up', () => {
  it('does not replace what went wrong first: not in the error, nor in what is remembered', async () => {
    const { kernel, server, store, context } = sandbox;
    server.publish('122.1');
    kernel.stallNextTransition();
    kernel.refuseNextDisable();
    await expect(refresh(context)).rejects.toMatchObject({ code: 'transition', exitStatus: 71 });
    expect(store.state.read().failure).toMatchObject({ code: 'transition', version: '122.1' });
  });

  it('nor does a disk that is full by then', async () => {
    const { kernel, server, store, context } = sandbox;
    server.publish('122.1');
    kernel.refuseNextInsert('Invalid module format');
    const { write } = store.state;
    store.state.write = (state) => {
      if (kernel.deeds.includes(`insert ${SECOND}`)) throw new LivepatchError('storage', 'no space left');
      write(state);
    };
    await expect(refresh(context)).rejects.toMatchObject({ code: 'kernel-refused' });
  });
});

describe('a mode that lets nothing be applied', () => {
  it('does not pile up files', async () => {
    const { kernel, server, store, context } = sandbox;
    kernel.setMode({ contact: true, apply: false, sources: ['the mode file'] });
    for (const version of ['122.1', '123.1', '124.1']) {
      server.publish(version);
      expect(await refresh(context)).toMatchObject({ kind: 'held', held: [{ version, why: 'mode' }] });
    }
    expect(store.payloads.all().length).toBeLessThanOrEqual(2);
    expect(kernel.deeds).toEqual([`insert ${FIRST}`]);
  });
});

describe('after the kernel found a bug in what is in use', () => {
  it('a refresh does not say that the kernel is up to date', async () => {
    const { kernel, server, context } = sandbox;
    server.publish('122.1');
    const { sleep } = context;
    context.sleep = async () => kernel.fault(SECOND);
    await expect(refresh(context)).rejects.toMatchObject({ code: 'kernel-bug' });
    context.sleep = sleep;
    expect(await refresh(context)).toMatchObject({ kind: 'kept', why: 'bug-in-use' });
    expect(status(context).patchState).toBe('applied-with-bug');
  });
});

describe('a patch whose newest successor is refused', () => {
  it('comes back after a reboot all the same, when a person asks as well', async () => {
    const { kernel, server, context } = sandbox;
    kernel.reboot();
    server.publish('125.1');
    await expect(refresh(context)).rejects.toMatchObject({ code: 'signature' });
    expect(kernel.modules()).toEqual([FIRST]);
  });
});

it('a refresh with a new patch reads what is remembered once, writes it once an event, and looks once a step', async () => {
  const counted = startSandbox();
  onTestFinished(() => counted[Symbol.dispose]());
  const { context, kernel, server, store } = counted;
  await enable(context, new Secret('an-auth-token'));
  server.publish('121.1');
  const counts = { reads: 0, writes: 0, looks: 0, pendingReads: 0 };
  const { all } = store.pending;
  const { read, write } = store.state;
  const { look } = kernel;
  const count =
    <Words extends unknown[], Result>(what: keyof typeof counts, call: (...words: Words) => Result) =>
    (...words: Words): Result => {
      // The sandbox looks, too, for its own sake.
      if (!counted.isLooking()) counts[what] += 1;
      return call(...words);
    };
  store.state.read = count('reads', read);
  store.state.write = count('writes', write);
  store.pending.all = count('pendingReads', all);
  kernel.look = count('looks', look);
  expect(await refresh(context)).toMatchObject({ kind: 'applied' });
  // Check in, fetch, prove, begin, insert, wait, watch, the CVE data, and the end: nine looks. The end of a transition
  // needs one more, to tell what the kernel holds at that very moment.
  expect(counts).toMatchObject({ reads: 1, pendingReads: 1, looks: 10 });
  // What the check brought, and that the patch is in use; nothing else of it changes what is remembered.
  expect(counts.writes).toBeLessThanOrEqual(2);
});
