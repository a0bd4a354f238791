import { describe, expect, it } from 'vitest';
import { holdings } from '../../src/policy/identity.ts';
import type { LoadedModule } from '../../src/types.ts';
import { applied, live, loaded, moduleOf, patch, pending } from './situation.ts';

const NOTHING = { state: { applied: [], replaced: [] }, pending: [], bootId: 'now' };
type Memory = Parameters<typeof holdings>[1];
const bare: LoadedModule = { name: moduleOf('121') };

describe('which patch a module in the kernel is', () => {
  it.each<[what: string, LoadedModule, Partial<Memory>, version: string | undefined]>([
    ['nothing is remembered', loaded('121.1'), {}, undefined],
    [
      'it was applied in this boot',
      loaded('121.1'),
      { state: { applied: [applied('121.1')], replaced: [] } },
      '121.1',
    ],
    [
      'it was replaced in this boot',
      loaded('121.1'),
      { state: { applied: [applied('122.1')], replaced: [applied('121.1')] } },
      '121.1',
    ],
    ['it was begun in this boot', loaded('121.1'), { pending: [pending('121.1')] }, '121.1'],
    [
      'it was applied in another boot',
      loaded('121.1'),
      {
        state: {
          applied: [applied('121.1', { bootId: 'before' })],
          replaced: [applied('121.1', { bootId: 'before' })],
        },
      },
      undefined,
    ],
    [
      'it was begun in another boot',
      loaded('121.1'),
      { pending: [pending('121.1', { bootId: 'before' })] },
      undefined,
    ],
    [
      'another build of its name was applied',
      loaded('121.2'),
      { state: { applied: [applied('121.1')], replaced: [applied('121.1')] }, pending: [pending('121.1')] },
      undefined,
    ],
    [
      'another build of its name was begun after it',
      loaded('121.1'),
      { state: { applied: [applied('121.1')], replaced: [] }, pending: [pending('121.2')] },
      '121.1',
    ],
    [
      'it was begun after another build of its name',
      loaded('121.2'),
      { state: { applied: [applied('121.1')], replaced: [] }, pending: [pending('121.2')] },
      '121.2',
    ],
    [
      'the kernel shows no build id, and ours had one',
      bare,
      { state: { applied: [applied('121.1')], replaced: [] } },
      undefined,
    ],
    [
      'the kernel shows a build id, and ours had none',
      loaded('121.1'),
      { state: { applied: [applied('121.1', { buildId: undefined })], replaced: [] } },
      undefined,
    ],
    [
      'neither has a build id',
      bare,
      { state: { applied: [applied('121.1', { buildId: undefined })], replaced: [] } },
      '121.1',
    ],
    [
      'neither has one, and another of its name is about to be inserted',
      bare,
      {
        state: { applied: [applied('121.1', { buildId: undefined })], replaced: [] },
        pending: [pending('121.2', { patch: patch('121.2', { buildId: undefined }) })],
      },
      '121.1',
    ],
    [
      'neither has one, and the older one is unloaded',
      bare,
      { pending: [pending('121.2', { patch: patch('121.2', { buildId: undefined }) })] },
      '121.2',
    ],
    [
      'a build with another name was applied',
      { name: 'other', buildId: loaded('121.1').buildId },
      { state: { applied: [applied('121.1')], replaced: [] } },
      undefined,
    ],
  ])('%s', (_what, module, memory, version) => {
    const found = holdings({ livePatches: [], loaded: [module] }, { ...NOTHING, ...memory });
    expect(found.map(({ patch }) => patch?.version)).toEqual([version]);
  });

  it('says what the kernel says of each', () => {
    const kernel = { livePatches: [live('122.1')], loaded: [loaded('121.1'), loaded('122.1')] };
    expect(holdings(kernel, NOTHING)).toEqual([
      { module: loaded('121.1'), live: undefined, patch: undefined },
      { module: loaded('122.1'), live: live('122.1'), patch: undefined },
    ]);
    expect(holdings({ livePatches: undefined, loaded: [bare] }, NOTHING)).toMatchObject([
      { live: undefined },
    ]);
  });
});
