import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Host } from '../../src/kernel/host.ts';
import type { KernelSecurity } from '../../src/kernel/security.ts';
import type { Context } from '../../src/operations/context.ts';
import { doctor } from '../../src/operations/doctor.ts';
import { enable } from '../../src/operations/enable.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { revert } from '../../src/operations/revert.ts';
import { renderFindings } from '../../src/report/findings.ts';
import { MACHINE } from '../fakes/kernel.ts';
import { makeSigner } from '../patch/make/pki.ts';
import { type Scene, startScene } from './scene.ts';

const HOST: Host = { isRoot: true, missingPlugs: undefined, timer: true };
const SECURITY: KernelSecurity = {
  lockdown: 'none',
  secureBoot: false,
  modulesDisabled: false,
  tainted: 1 << 15,
  sigEnforce: false,
  ftraceEnabled: true,
  capSysModule: true,
  digestAvailable: true,
  livePatching: 'available',
};

let scene: Scene;
beforeEach(async () => {
  scene = await startScene();
  scene.server.database.setKernelPackageFixes(MACHINE.kernel, MACHINE.architecture, {
    timestamp: '2026-11-20T08:00:00Z',
    kernelPackageFixes: ['CVE-2026-0002'],
  });
  await enable(scene.context, scene.authToken);
});

/** The same machine with something else about it. */
function ill(change: {
  host?: Partial<Host>;
  security?: Partial<KernelSecurity>;
  look?: Context['kernel']['look'];
  now?: () => Date;
}): Context {
  const { kernel } = scene.context;
  return {
    ...scene.context,
    ...(change.now === undefined ? {} : { now: change.now }),
    kernel: {
      ...kernel,
      host: async () => ({ ...HOST, ...change.host }),
      security: () => ({ ...SECURITY, ...change.security }),
      ...(change.look === undefined ? {} : { look: change.look }),
    },
  };
}

const wrongIn = async (context: Context) =>
  (await doctor(context)).filter(({ verdict }) => verdict === 'wrong');

describe('doctor', () => {
  it('finds nothing wrong with a machine that is well', async () => {
    const findings = await doctor(ill({}));
    expect(findings.filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
    expect(findings.map(({ check }) => check)).toEqual([
      'root',
      'kernel',
      'modules',
      'Secure Boot',
      'taint',
      'confinement',
      'configuration',
      'certificates',
      'files',
      'disk',
      'clock',
      'DNS',
      'proxy',
      'TLS',
      'server',
      'token',
      'last check',
      'patch',
      'timer',
    ]);
  });

  it.each([
    ['root', { host: { isRoot: false } }, /does not run as root/, /sudo canonical-livepatch doctor/],
    ['kernel', { look: () => ({ livePatches: undefined, loaded: [] }) }, /CONFIG_LIVEPATCH/, /Boot a kernel/],
    ['modules', { security: { modulesDisabled: true } }, /switched off/, /modules_disabled/],
    ['taint', { security: { tainted: 1 << 7 } }, /oops/, /dmesg/],
    [
      'confinement',
      { host: { missingPlugs: ['kernel-module-control'] } },
      /not connected to kernel-module-control/,
      /'sudo snap connect canonical-livepatch:kernel-module-control'/,
    ],
    ['timer', { host: { timer: false } }, /no timer/, /refresh --timer/],
    ['clock', { now: () => new Date('2020-01-01T00:00:00Z') }, /before the last check/, /timedatectl/],
    ['last check', { now: () => new Date(Date.now() + 3 * 86_400_000) }, /too long ago/, /refresh/],
  ])('finds out about %s', async (check, change, found, next) => {
    expect(await wrongIn(ill(change))).toEqual([
      { check, verdict: 'wrong', found: expect.stringMatching(found), next: expect.stringMatching(next) },
    ]);
  });

  it('finds a patch that was refused, and why', async () => {
    scene.publish('121.1', { signer: makeSigner() });
    await expect(refresh(scene.context)).rejects.toMatchObject({ code: 'signature' });
    expect(await wrongIn(ill({}))).toEqual([
      {
        check: 'patch',
        verdict: 'wrong',
        found: 'patch 121.1: metadata.json.p7s: metadata.json is signed by a key that is not trusted here',
        next: expect.stringContaining('refresh'),
      },
    ]);
  });

  it('finds a patch that an administrator took out, and how to have it again', async () => {
    scene.publish('121.1');
    await refresh(scene.context);
    await revert(scene.context);
    await refresh(scene.context);
    expect(await wrongIn(ill({}))).toMatchObject([
      { check: 'patch', next: expect.stringContaining('refresh --retry-blocked') },
    ]);
  });

  it('finds nothing wrong with a patch that waits for its time', async () => {
    scene.publish('121.1');
    scene.store.config.update({ 'patch-delay': '5000w' });
    await refresh(scene.context);
    const findings = await doctor(ill({}));
    expect(findings.filter(({ verdict }) => verdict !== 'ok')).toEqual([]);
    expect(findings.find(({ check }) => check === 'patch')?.found).toContain('waits for its patch-delay');
  });

  it('says how to enrol a key of your own under Secure Boot', async () => {
    const findings = await doctor(ill({ security: { secureBoot: true, lockdown: 'integrity' } }));
    expect(findings.find(({ check }) => check === 'Secure Boot')).toEqual({
      check: 'Secure Boot',
      verdict: 'unknown',
      found:
        'Secure Boot is on, lockdown is integrity: the kernel takes only modules that are signed with a key it knows; whether it knows yours (signing-certs) shows when a patch is inserted',
      next: "Enrol the certificate of signing-certs: 'sudo mokutil --import cert.der', reboot, and confirm at the console.",
    });
  });

  it('finds a file that others can read, and how to close it', async () => {
    const path = join(scene.common, 'machine-token');
    chmodSync(path, 0o644);
    expect(await wrongIn(ill({}))).toEqual([
      {
        check: 'files',
        verdict: 'wrong',
        found: `others could read or change ${path}`,
        next: `Run 'sudo chmod 600 ${path}'.`,
      },
    ]);
  });

  it('tells a TLS certificate that is not trusted from a server that is not there', async () => {
    scene.store.config.update({ 'ca-certs': '' });
    expect((await wrongIn(ill({}))).map(({ check }) => check)).toEqual(['TLS', 'server']);
    scene.store.config.update({ 'remote-server': 'https://127.0.0.1:1' });
    const findings = await doctor(ill({}));
    expect(findings.find(({ check }) => check === 'TLS')?.verdict).toBe('unknown');
    expect(findings.find(({ check }) => check === 'server')?.verdict).toBe('wrong');
  });

  it('never shows the password of a proxy', async () => {
    scene.store.config.update({ 'https-proxy': 'http://user:pass-word@127.0.0.1:1' });
    const text = JSON.stringify(await doctor(ill({})));
    expect(text).toContain('127.0.0.1:1');
    expect(text).not.toContain('pass-word');
  });
});

it('is a line a finding for people, with what to do next under it', () => {
  expect(
    renderFindings([
      { check: 'kernel', verdict: 'ok', found: 'can be live-patched' },
      { check: 'clock', verdict: 'unknown', found: 'nothing to compare it with' },
      { check: 'timer', verdict: 'wrong', found: 'no timer', next: 'Set one.' },
    ]),
  ).toBe(`✓ kernel: can be live-patched
⧗ clock: nothing to compare it with
✗ timer: no timer
    next: Set one.`);
});
