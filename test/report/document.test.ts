import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type StatusDocument, statusDocument } from '../../src/report/document.ts';
import { renderHumane } from '../../src/report/humane.ts';
import { renderJson } from '../../src/report/json.ts';
import { renderYaml } from '../../src/report/yaml.ts';
import type { AppliedPatch, Remembered } from '../../src/types.ts';
import { MACHINE } from '../fakes/kernel.ts';

const now = new Date('2026-11-22T12:00:00Z');
const patch: AppliedPatch = {
  version: '121.1',
  module: 'lkp_x_121',
  kernel: MACHINE.kernel,
  sha256: 'a'.repeat(64),
  releasedAt: '2026-11-01T00:00:00Z',
  fixes: [
    { name: 'CVE-2016-0001', description: 'one', bug: '', patched: true },
    { name: 'CVE-2016-0002', description: 'two', bug: '', patched: false },
  ],
  appliedAt: '2026-11-22T11:00:00Z',
  bootId: MACHINE.bootId,
};
const checked: Remembered = {
  lastCheck: { at: '2026-11-22T11:06:00Z' },
  advice: { support: 'supported', tier: 'stable' },
};
const offer = {
  version: '121.1',
  url: 'x',
  sha256: 'a'.repeat(64),
  size: 1,
  releasedAt: now.toISOString(),
  fixes: [],
};

const document = (
  remembered: Remembered,
  kernel: 'holds it' | 'changes to it' | 'has none' = 'has none',
): StatusDocument =>
  statusDocument({
    clientVersion: '1.2.3',
    machine: MACHINE,
    livePatches:
      kernel === 'has none'
        ? []
        : [{ name: 'lkp_x_121', enabled: true, inTransition: kernel === 'changes to it' }],
    remembered,
    others: [],
    recordError: undefined,
    now,
  });
const failed = (code: string): Remembered => ({
  ...checked,
  failure: { at: now.toISOString(), version: '121.1', code, message: 'why' },
});

describe('the status document', () => {
  it.each([
    ['nothing is due', document(checked), 'nothing-to-apply', ''],
    [
      'a patch is due',
      document({ ...checked, advice: { support: 'supported', tier: 'x', offer } }),
      'unapplied',
      '',
    ],
    ['the kernel is in transition', document({ ...checked, patch }, 'changes to it'), 'applying', '121.1'],
    ['the kernel holds it', document({ ...checked, patch }, 'holds it'), 'applied', '121.1'],
    [
      'a newer one was refused',
      document({ ...failed('signature'), patch }, 'holds it'),
      'apply-failed',
      '121.1',
    ],
    ['nothing was ever asked', document({}), 'unknown', ''],
    ['somebody took it out', document({ ...checked, patch }), 'unknown', ''],
    [
      'only a new kernel helps',
      document({ ...checked, patch, advice: { support: 'kernel-upgrade-required', tier: 'x' } }, 'holds it'),
      'kernel-upgrade-required',
      '121.1',
    ],
  ])('when %s', (_when, built, state, version) => {
    expect(built).toMatchObject({ patchState: state, version });
  });

  it('says that the last check failed, and why', () => {
    const built = document({
      ...checked,
      lastCheck: { at: now.toISOString(), error: 'livepatch check failed: x' },
    });
    expect(built.checkState).toBe('check-failed');
    expect(renderHumane(built, { verbose: false })).toContain(
      'server check-in: failed: livepatch check failed: x',
    );
  });

  it('is for people', () => {
    expect(
      renderHumane(document({ ...checked, patch }, 'holds it'), { verbose: false }),
    ).toBe(`last check: 54 minutes ago
kernel: 6.1.0-56-amd64
server check-in: succeeded
kernel state: ✓ kernel series 6.1 is covered by Livepatch
patch state: ✓ all applicable live kernel patch modules applied
patch version: 121.1
tier: stable
machine id: 0123456789abcdef0123456789abcdef`);
  });

  it('is for programs, in YAML', () => {
    expect(renderYaml(document({ ...checked, patch }, 'holds it'))).toBe(`client-version: 1.2.3
machine-id: 0123456789abcdef0123456789abcdef
architecture: amd64
cpu-model: Fake CPU
last-check: 2026-11-22T11:06:00Z
boot-time: 2026-11-22T06:00:00.000Z
uptime: 1h0m0s
status:
- kernel: 6.1.0-56-amd64
  running: true
  livepatch:
    checkState: checked
    patchState: applied
    version: "121.1"
    fixes: |-
      * CVE-2016-0001
      * CVE-2016-0002 (unpatched)
  supported: supported
tier: stable`);
  });

  it('tells programs the same in JSON as in YAML', () => {
    const built = document({ ...checked, patch }, 'holds it');
    const json = JSON.parse(renderJson(built));
    const yaml = parse(renderYaml(built));
    expect(json.Status[0].Livepatch).toMatchObject({
      CheckState: 'checked',
      State: 'applied',
      Version: '121.1',
    });
    expect(json.Status[0].Livepatch.State).toBe(yaml.status[0].livepatch.patchState);
    expect(json.Uptime).toBe('3600');
    expect(json.Status[0].Livepatch.Fixes).toEqual(patch.fixes);
  });

  it.each(['signature', 'archive', 'trust-anchors', 'transition', 'network', undefined])(
    'holds a colon in every humane line (%s)',
    (code) => {
      const built = code === undefined ? document({}) : document({ ...failed(code), patch }, 'holds it');
      const lines = renderHumane(built, { verbose: true }).split('\n');
      expect(lines.filter((line) => !line.includes(':'))).toEqual([]);
    },
  );
});
