import type { AppliedPatch, Patch } from '../../src/types.ts';

export const PATCH: Patch = {
  kernel: '6.8.0-1047.50-aws',
  version: '121.4',
  digest: 'd'.repeat(128),
  module: 'lkp_Ubuntu_6_8_0_1047_50_aws_121',
  buildId: 'ab12',
  cumulative: true,
  releasedAt: '2026-11-20T12:00:00Z',
  fixes: [{ name: 'CVE-2026-0001', description: 'an overflow', bug: '', patched: true }],
  sha256: 'a'.repeat(64),
};

export const APPLIED: AppliedPatch = { ...PATCH, bootId: 'boot-1', appliedAt: '2026-11-22T12:00:00Z' };
