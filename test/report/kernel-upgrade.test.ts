import { describe, expect, it } from 'vitest';
import { compareReleases, newerKernel } from '../../src/report/kernel-release.ts';
import { kernelUpgrade, kernelUpgradeOutput } from '../../src/report/kernel-upgrade.ts';
import { NAMES, scenario } from './scenarios.ts';

const piped = { isTerminal: false, motd: false };
const onTerminal = { isTerminal: true, motd: false };

describe('kernel-upgrade-required', () => {
  it.each(NAMES)('prints to a pipe only what recommends a reboot (%s)', (name) => {
    const document = scenario(name);
    const { exitStatus, stderr, stdout } = kernelUpgradeOutput(document, piped);
    expect(stdout !== undefined).toBe(exitStatus === 0);
    expect(stderr !== undefined).toBe(exitStatus === 2);
  });

  it.each(NAMES)('tells a person on a terminal, with the same exit status (%s)', (name) => {
    const document = scenario(name);
    const { exitStatus, stderr, stdout } = kernelUpgradeOutput(document, onTerminal);
    expect(stdout ?? stderr).toContain(`kernel ${document.kernel}: `);
    expect(exitStatus).toBe(kernelUpgradeOutput(document, piped).exitStatus);
  });

  it.each(NAMES)('tells at a login whether the kernel has to be upgraded, and ends with 0 (%s)', (name) => {
    const document = scenario(name);
    const { exitStatus, stderr, stdout } = kernelUpgradeOutput(document, { ...piped, motd: true });
    expect({ exitStatus, stderr }).toEqual({ exitStatus: 0, stderr: undefined });
    const { answer } = kernelUpgrade(document);
    expect(stdout !== undefined).toBe(answer === 'recommended' || answer === 'no-newer-kernel');
  });

  it.each(NAMES)(
    'recommends no reboot twice: into the newest kernel, there is none to reboot into (%s)',
    (name) => {
      const document = { ...scenario(name), release: '6.1.0-57-amd64' };
      expect(kernelUpgrade(document).answer).not.toBe('recommended');
    },
  );

  it('names the kernel to reboot into', () => {
    expect(kernelUpgrade(scenario('coverage-ended')).reason).toBe(
      'Livepatch coverage ended 2026-11-20; please reboot into 6.1.0-57-amd64',
    );
  });

  it('says so when it is not known which kernels are installed', () => {
    expect(kernelUpgrade({ ...scenario('coverage-ended'), installedKernels: [] })).toEqual({
      answer: 'no-newer-kernel',
      reason: 'Livepatch coverage ended 2026-11-20, but which kernels are installed is not known',
    });
  });

  it('says what a live patch leaves open, though a reboot can wait', () => {
    expect(kernelUpgrade(scenario('applied'))).toEqual({
      answer: 'can-wait',
      reason: 'no reboot into a newer kernel is needed now; the live patch leaves CVE-2016-0002 open',
    });
  });
});

/** Each list in the order of `dpkg --compare-versions`. */
const ORDERED = [
  ['6.1.0-9-amd64', '6.1.0-56-amd64', '6.1.0-57-amd64', '6.12.95+deb12-amd64', '6.12.95+deb13-amd64'],
  ['5.15.0-119-generic', '5.15.0-120-generic', '6.8.0-1047-aws', '6.8.0-1048-aws', '6.11.0-9-generic'],
  ['6.12~rc1-amd64', '6.12-amd64', '6.12.1-amd64'],
  ['7.0.0-1013.13~24.04.1-aws', '7.0.0-1013.13-aws'],
];

describe('compareReleases', () => {
  it.each(ORDERED)('%s …', (...releases) => {
    expect(releases.toReversed().sort(compareReleases)).toEqual(releases);
    for (const release of releases) expect(compareReleases(release, release)).toBe(0);
  });
});

describe('newerKernel', () => {
  it.each([
    ['6.1.0-56-amd64', [], undefined],
    ['6.1.0-56-amd64', ['6.1.0-56-amd64'], undefined],
    ['6.1.0-56-amd64', ['6.1.0-55-amd64', '6.1.0-9-amd64'], undefined],
    ['6.1.0-56-amd64', ['6.1.0-57-amd64', '6.1.0-58-amd64', '6.1.0-56-amd64'], '6.1.0-58-amd64'],
    // The package of the running kernel may be gone already.
    ['6.1.0-56-amd64', ['6.12.95+deb12-amd64'], '6.12.95+deb12-amd64'],
    // Another flavour of the same one.
    ['6.8.0-31-generic', ['6.8.0-31-generic', '6.8.0-31-lowlatency'], undefined],
    ['6.1.0-56-amd64', ['6.1.0-56-cloud-amd64', '6.1.0-56-rt-amd64'], undefined],
    ['6.12.117+deb12-amd64', ['6.12.117+deb12-rt-amd64'], undefined],
    ['6.8.0-31-generic', ['6.8.0-32-lowlatency'], '6.8.0-32-lowlatency'],
    ['6.10.0-rc3', ['6.10.0-rc4'], '6.10.0-rc4'],
  ])('%s, with %j installed: %s', (running, installed, newer) => {
    expect(newerKernel(running, installed)).toBe(newer);
  });
});
