import { describe, expect, it } from 'vitest';
import { snapFrom } from '../../src/snapd/environment.ts';

const OURS = {
  SNAP_NAME: 'canonical-livepatch',
  SNAP: '/snap/canonical-livepatch/7',
  SNAP_COMMON: '/var/snap/canonical-livepatch/common',
  SNAP_DATA: '/var/snap/canonical-livepatch/7',
};

describe('the snap that this process is part of', () => {
  it('is where snapd says', () => {
    expect(snapFrom(OURS)).toEqual({ directory: OURS.SNAP, common: OURS.SNAP_COMMON, data: OURS.SNAP_DATA });
  });

  it.each([
    ['there is no snapd', {}],
    ['a shell runs in another snap', { ...OURS, SNAP_NAME: 'code', SNAP: '/snap/code/1' }],
    ['only SNAP is set', { SNAP: OURS.SNAP }],
    ['a place is missing', { ...OURS, SNAP_DATA: undefined }],
    ['a place is relative', { ...OURS, SNAP_COMMON: 'common' }],
    ['a place is empty', { ...OURS, SNAP: '' }],
  ])('is none when %s', (_when, env) => {
    expect(snapFrom(env)).toBeUndefined();
  });
});
