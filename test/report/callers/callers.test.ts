import { describe, expect, it } from 'vitest';
import { rebootCanWait } from '../../../src/report/kernel-upgrade.ts';
import { renderSettings } from '../../../src/report/settings.ts';
import { NAMES, scenario } from '../scenarios.ts';
import { landscapeReport } from './landscape.ts';
import { proConfigOption, proFixedBy, proReboot, proStatus, proWarning } from './pro.ts';
import { runKernelUpgradeRequired, runStatus } from './run.ts';
import { asksForRestart, grepStatus, motd, saysNotEnabled, sosFile } from './shell.ts';

/** The programs that read this client's output, over every state, each as it reads. */

describe("Ubuntu's Pro client", () => {
  const read = (name: string) => proStatus(runStatus(scenario(name), 'json', { verbose: true }));

  it.each(NAMES)('understands every field that it looks for (%s)', (name) => {
    const { fixes, kernel, patchState, support, version } = scenario(name);
    expect(read(name)).toEqual({
      kernel,
      state: patchState,
      version,
      fixes:
        fixes.length === 0
          ? undefined
          : fixes.map((fix) => ({ name: fix.name.toLowerCase(), patched: fix.patched })),
      supported: support,
    });
  });

  it.each(NAMES)(
    'takes a vulnerability as fixed when a patch in use fixes it, and only then (%s)',
    (name) => {
      const { fixes, version } = scenario(name);
      for (const fix of fixes)
        expect(proFixedBy(read(name), fix.name)).toBe(fix.patched ? version : undefined);
      expect(proFixedBy(read(name), 'CVE-2026-0003')).toBeUndefined();
    },
  );

  it.each(NAMES)('lets a reboot wait when it can (%s)', (name) => {
    const document = scenario(name);
    expect(proReboot(read(name), document.kernel)).toBe(
      rebootCanWait(document) ? 'yes-kernel-livepatches-applied' : 'yes',
    );
  });

  it('lets it wait in these states alone', () => {
    const waiting = NAMES.filter((name) => proReboot(read(name), scenario(name).kernel) !== 'yes');
    expect(waiting.sort()).toEqual(
      [
        ...['applied', 'applied-everything-fixed', 'applied-and-newer-kernel-packages', 'stack'],
        ...['beside-the-patch-of-somebody-else', 'withdrawn-and-in-use', 'withdrawn-before-it-was-applied'],
        ...['nothing-due', 'covered-until-a-date', 'newer-packages-of-another-kernel'],
        ...['check-failed', 'outdated', 'catalogue-not-renewed', 'catalogue-expired-meanwhile'],
        'catalogue-up-to-date',
      ].sort(),
    );
  });

  it('warns of a kernel that is not covered, whatever patch is in use', () => {
    const warnings = NAMES.flatMap((name) => proWarning(read(name)) ?? []);
    expect(new Set(warnings)).toEqual(
      new Set(['kernel-upgrade-required', 'kernel-end-of-life', 'unsupported']),
    );
    expect(proWarning(read('coverage-ended-with-a-patch-in-use'))).toBe('kernel-upgrade-required');
    expect(read('coverage-ended-with-a-patch-in-use')?.state).toBe('applied');
    expect(proFixedBy(read('upgrade-required-with-a-patch-in-use'), 'CVE-2016-0001')).toBe('121.1');
  });

  it('knows a machine that is not enabled', () => {
    expect(proStatus(runStatus(undefined, 'json'))).toBeUndefined();
  });

  it('reads the configuration back', () => {
    const text = renderSettings({ 'http-proxy': 'http://p.example:3128', 'no-proxy': '' }, 'humane');
    expect(proConfigOption(text, 'http-proxy')).toBe('http://p.example:3128');
    expect(proConfigOption(text, 'no-proxy')).toBeUndefined();
  });
});

describe('Landscape', () => {
  it.each(NAMES)('reports both formats, and never drops one (%s)', (name) => {
    const document = scenario(name);
    const json = landscapeReport(runStatus(document, 'json'), 'json');
    expect(json).toMatchObject({ return_code: 0, error: '', output: { 'Machine-Id': document.machineId } });
    const humane = landscapeReport(runStatus(document, 'humane'), 'humane');
    expect(humane).toMatchObject({
      return_code: 0,
      error: '',
      output: {
        kernel: document.kernel,
        'kernel state': expect.stringMatching(/^[✓✗]/),
        'patch state': expect.stringMatching(/^[✓✗⧗]/),
        'machine id': document.machineId,
      },
    });
  });

  it('reports the same again while nothing has changed, an hour later', () => {
    const document = scenario('applied');
    const later = { ...document, uptimeSeconds: 7200, lastCheck: '2026-11-22T12:00:00Z' };
    for (const format of ['json', 'humane'] as const) {
      const report = landscapeReport(runStatus(document, format), format);
      expect(landscapeReport(runStatus(later, format), format)).toEqual(report);
    }
  });

  it('reports a machine that is not enabled by what stands on standard error', () => {
    expect(landscapeReport(runStatus(undefined, 'json'), 'json')).toMatchObject({
      return_code: 1,
      output: '',
    });
    expect(landscapeReport(runStatus(undefined, 'humane'), 'humane').error).toMatch(
      /^Machine is not enabled/,
    );
  });
});

describe('scripts', () => {
  it('know a machine that is not enabled, as snapd does', () => {
    expect(saysNotEnabled(runStatus(undefined))).toBe(true);
  });

  it.each(NAMES)('find the keys of plain status in a pipe (%s)', (name) => {
    const document = scenario(name);
    expect(saysNotEnabled(runStatus(document))).toBe(false);
    expect(grepStatus(runStatus(document))).toEqual({
      running: 'true',
      checkState: document.checkState,
      patchState: document.patchState,
    });
    expect(sosFile(runStatus(document, 'yaml', { verbose: true }))).not.toMatch(/token/);
  });
});

describe('a login', () => {
  it.each(NAMES)('shows a line when a reboot is recommended, else nothing (%s)', (name) => {
    const document = scenario(name);
    const run = runKernelUpgradeRequired(document);
    expect(motd(run) !== '').toBe(run.exitStatus === 0);
    expect(asksForRestart(run)).toBe(run.exitStatus === 0);
    // What tells one caller that a reboot can wait tells no other to reboot.
    if (rebootCanWait(document)) expect(run).toEqual({ stdout: '', stderr: '', exitStatus: 1 });
  });

  it('shows nothing on a machine that is not enabled', () => {
    expect(motd(runKernelUpgradeRequired(undefined))).toBe('');
  });
});
