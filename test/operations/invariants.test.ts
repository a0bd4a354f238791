import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { enable } from '../../src/operations/enable.ts';
import { Secret } from '../../src/secret.ts';
import { broken, INVARIANTS, type Subject } from './invariants.ts';
import { type Deed, fileOf, type Sandbox, startSandbox } from './sandbox.ts';

const MODULE = 'lkp_Debian_6_1_0_56_amd64_121';
const insertion: Deed = {
  boot: { bootId: 'boot-1', uptimeSeconds: 3600 },
  ...{ kind: 'insert', version: '121.1', trusted: true, alone: true, locked: true, withdrawn: false },
  ...{ foreign: [], watched: 0, inKernel: false },
};
const pending = {
  patch: { ...fileOf('121.1').candidate, kernel: '6.1.0-56-amd64' },
  at: '2026-11-22T12:00:00Z',
};

/** A machine that is enabled and patched, and the run it comes from. */
async function patched(): Promise<Subject> {
  const sandbox = startSandbox();
  onTestFinished(() => sandbox[Symbol.dispose]());
  sandbox.server.publish('121.1');
  await enable(sandbox.context, new Secret('an-auth-token'));
  return {
    ...{ sandbox, ended: 'well', applied: '121.1', deeds: sandbox.deeds(), retried: false },
    ...{ pendingBefore: [], enabled: true, spoiled: false },
  };
}

/** For every invariant what breaks it. */
const BREAKS: Record<string, (sandbox: Sandbox) => Partial<Subject>> = {
  'nothing unverified is inserted': () => ({ deeds: [{ ...insertion, trusted: false }] }),
  'nothing is done to the kernel without the run lock': () => ({ deeds: [{ ...insertion, alone: false }] }),
  'nothing is inserted without its lock on disk': () => ({ deeds: [{ ...insertion, locked: false }] }),
  'what was withdrawn is not inserted': () => ({ deeds: [{ ...insertion, withdrawn: true }] }),
  "nothing is inserted beside somebody else's live patch": () => ({
    deeds: [{ ...insertion, foreign: ['kpatch_x'] }],
  }),
  'what the machine went down with is not inserted again unasked': () => ({
    deeds: [insertion],
    pendingBefore: [{ ...pending, bootId: 'boot-0', attempt: 2 }],
  }),
  'a patch in the kernel keeps its pending insertion until it has settled': () => ({
    deeds: [{ ...insertion, kind: 'clear', inKernel: true, watched: 9_999 }],
  }),
  'a run that ends well leaves no lock but of a bug or a crash': ({ store }) => {
    store.pending.write({ ...pending, bootId: 'boot-1', attempt: 1 });
    return {};
  },
  'a machine is enabled exactly while its token is there': ({ store }) => {
    store.token.remove();
    return {};
  },
  'the state file can be understood': ({ data }) => {
    writeFileSync(join(data, 'state.json'), '{');
    return {};
  },
  'status answers': ({ context }) => {
    context.kernel = {
      ...context.kernel,
      machine() {
        throw new Error('no machine id');
      },
    };
    return {};
  },
  'what status calls applied, the kernel holds: that very code, enabled and at rest': ({ store }) => {
    const state = store.state.read();
    store.state.write({ ...state, applied: state.applied.map((patch) => ({ ...patch, version: '121.2' })) });
    return {};
  },
  'what a run says it applied, the kernel holds': () => ({ applied: '122.1' }),
  'after a run that ends well status knows the patch in the kernel': ({ data }) => {
    rmSync(join(data, 'state.json'));
    return {};
  },
  'nothing of ours is in the kernel that status does not show': ({ kernel, context }) => {
    kernel.hold(`${MODULE}9`);
    context.kernel = { ...kernel, look: (names) => ({ ...kernel.look(names), loaded: [], livePatches: [] }) };
    return {};
  },
  'a run that ends well leaves nothing temporary': ({ common }) => {
    writeFileSync(join(common, 'machine-token.0123456789ab.tmp'), 'half a tok');
    return {};
  },
};

describe('the invariants', () => {
  it('hold for a machine that is enabled and patched', async () => {
    expect(broken(await patched())).toEqual([]);
  });

  it.each(Object.keys(INVARIANTS))('%s: does not hold when it is broken', async (name) => {
    const subject = await patched();
    const wrong = broken({ ...subject, ...BREAKS[name]?.(subject.sandbox) });
    expect(
      wrong.some((text) => text.startsWith(`${name}: `)),
      wrong.join('\n'),
    ).toBe(true);
  });
});
