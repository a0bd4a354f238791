import { expect, it } from 'vitest';
import { LivepatchError } from '../../../src/errors.ts';
import { fail, holdingOf, isFinal, kept, strangers } from '../../../src/policy/decide/common.ts';
import { candidate, live, loaded, situation } from '../situation.ts';
import { stranger } from './rows.ts';

it('a run ends with what is done and with what failed, and with nothing else', () => {
  expect(isFinal(kept(situation(), 'mode'))).toBe(true);
  expect(isFinal(fail(new LivepatchError('network', 'gone')))).toBe(true);
  expect(isFinal({ do: 'check-in' })).toBe(false);
});

it('what failed holds nothing back by itself', () => {
  expect(fail(new LivepatchError('network', 'gone'))).toMatchObject({ held: [], patch: undefined });
});

it('a module that is loaded and replaces nothing is no stranger', () => {
  expect(strangers(situation({ kernel: { live: [], loaded: [{ name: 'kpatch_x' }] } }))).toEqual([]);
  expect(strangers(situation({ kernel: stranger })).map(({ module }) => module.name)).toEqual(['kpatch_x']);
});

it('a patch of ours is found beside a stranger', () => {
  const both = {
    live: [...stranger.live, live('121.1')],
    loaded: [...stranger.loaded, loaded('121.1')],
  };
  const found = holdingOf(candidate('121.1').digest, situation({ inUse: ['121.1'], kernel: both }));
  expect(found?.patch?.version).toBe('121.1');
  expect(holdingOf(candidate('122.1').digest, situation({ kernel: stranger }))).toBeUndefined();
});
