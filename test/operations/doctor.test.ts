import { once } from 'node:events';
import { appendFileSync, chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { LivepatchError } from '../../src/errors.ts';
import type { Host } from '../../src/kernel/host.ts';
import type { KernelSecurity } from '../../src/kernel/security.ts';
import { apply } from '../../src/operations/apply.ts';
import type { Context } from '../../src/operations/context.ts';
import { doctor } from '../../src/operations/doctor.ts';
import { enable } from '../../src/operations/enable.ts';
import { refresh } from '../../src/operations/refresh.ts';
import { revert } from '../../src/operations/revert.ts';
import { renderFindings } from '../../src/report/findings.ts';
import { Secret } from '../../src/secret.ts';
import { lookUp } from '../../src/source/look-up.ts';
import { gateDisk, systemError } from '../fakes/disk.ts';
import { MACHINE } from '../fakes/kernel.ts';
import { makeSigner } from '../patch/make/pki.ts';
import { temporaryDirectory } from '../temporary.ts';
import { type Flaw, patchFile, type Scene, startScene } from './scene.ts';

const HOST: Host = { isRoot: true, missingPlugs: undefined, timer: true };
const SECURITY: KernelSecurity = {
  lockdown: 'none',
  secureBoot: false,
  modulesDisabled: false,
  tainted: 1 << 15,
  sigEnforce: false,
  ftraceEnabled: true,
  probed: [],
  capSysModule: true,
  digestAvailable: true,
  livePatching: 'available',
};

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

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
      'mode',
      'machine',
      'kernel',
      'modules',
      'tracing',
      'probes',
      'Secure Boot',
      'digest',
      'taint',
      'confinement',
      'other live patches',
      'refused modules',
      'configuration',
      'certificates',
      'files',
      'disk',
      'state',
      'other run',
      'clock',
      'DNS',
      'proxy',
      'TLS',
      'server',
      'coverage',
      'token',
      'last check',
      'patch',
      'timer',
    ]);
  });

  it.each<[string, Parameters<typeof ill>[0], RegExp, RegExp]>([
    ['root', { host: { isRoot: false } }, /not running as root/, /sudo canonical-livepatch doctor/],
    ['kernel', { security: { livePatching: 'not-built-in' } }, /CONFIG_LIVEPATCH/, /Boot a kernel/],
    ['kernel', { security: { livePatching: 'not-mounted' } }, /not mounted/, /mount -t sysfs/],
    ['kernel', { security: { livePatching: 'forbidden' } }, /may not be read/, /snap connect/],
    ['modules', { security: { modulesDisabled: true } }, /until the next boot/, /modules_disabled/],
    ['modules', { security: { capSysModule: false } }, /CAP_SYS_MODULE.*container/, /on the host/],
    ['tracing', { security: { ftraceEnabled: false } }, /ftrace is switched off/, /kernel\.ftrace_enabled=1/],
    [
      'digest',
      { host: { missingPlugs: [] }, security: { digestAvailable: false, sigEnforce: true } },
      /no SHA-512/,
      /modprobe sha512_generic/,
    ],
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
  ])('finds out about %s (%j)', async (check, change, found, next) => {
    expect(await wrongIn(ill(change))).toEqual([
      { check, verdict: 'wrong', found: expect.stringMatching(found), next: expect.stringMatching(next) },
    ]);
  });

  it.each([
    [undefined, 'whether kprobes are set may not be read here', undefined],
    [[], 'no tracer has a kprobe set', undefined],
    [['vfs_read', 'f'], 'a tracer has kprobes on vfs_read, f', /stopped/],
    [[...'abcdef'], 'a tracer has kprobes on a, b, c, d, e and others', /stopped/],
  ])('tells of kprobes, which are no fault by themselves: %j', async (probed, found, next) => {
    const findings = await doctor(ill({ security: { probed } }));
    expect(findings.find(({ check }) => check === 'probes')).toMatchObject({
      verdict: probed?.length === 0 ? 'ok' : 'unknown',
      found,
      ...(next && { next: expect.stringMatching(next) }),
    });
  });

  it('finds a patch that was refused, and why', async () => {
    scene.publish('121.1', { signer: makeSigner() });
    await expect(refresh(scene.context)).rejects.toMatchObject({ code: 'signature' });
    expect(await wrongIn(ill({}))).toEqual([
      {
        check: 'patch',
        verdict: 'wrong',
        found: expect.stringContaining('signed by a key that is not trusted here'),
        next: expect.stringContaining('If you trust its signer'),
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

  it('tells of modules from outside the kernel, which are no fault', async () => {
    const findings = await doctor(ill({ security: { tainted: (1 << 12) | (1 << 13) | (1 << 15) } }));
    expect(findings.find(({ check }) => check === 'taint')).toEqual({
      check: 'taint',
      verdict: 'ok',
      found:
        'the kernel has no fault on record; a module that is not of the kernel is loaded; a module without a known signature was loaded',
    });
  });

  it.each([
    [{ lockdown: 'none', sigEnforce: true } as const, 'unknown', /sig_enforce is on: the kernel takes only/],
    [{ lockdown: 'integrity', sigEnforce: false } as const, 'unknown', /lockdown is integrity.*takes only/],
    [{ lockdown: undefined, sigEnforce: false } as const, 'ok', /lockdown is not built in, .*is off$/],
  ])('tells what makes the kernel insist on keys it knows: %j', async (security, verdict, found) => {
    const findings = await doctor(ill({ security }));
    expect(findings.find(({ check }) => check === 'Secure Boot')).toMatchObject({
      verdict,
      found: expect.stringMatching(found),
    });
  });

  it.each([
    [{ contact: false, apply: false }, 'nobody is contacted and nothing is applied'],
    [{ contact: false, apply: true }, 'nobody is contacted'],
    [{ contact: true, apply: false }, 'nothing is applied'],
  ])('tells of the kill switch, and then asks nobody it must not ask: %j', async (allowed, off) => {
    scene.kernel.setMode({ ...allowed, sources: ['the kernel command line'] });
    let asked = 0;
    const { connect } = scene.context;
    const context = {
      ...ill({}),
      connect: (...words: Parameters<typeof connect>) => {
        asked += 1;
        return connect(...words);
      },
    };
    const findings = await doctor(context, async () => {
      asked += 1;
      return { addresses: ['127.0.0.1'] };
    });
    expect(findings.filter(({ verdict }) => verdict === 'wrong')).toMatchObject([
      { check: 'mode', found: `canonical_livepatch_mode, set in the kernel command line: ${off}` },
    ]);
    expect(asked > 0).toBe(allowed.contact);
    const untold = findings.filter(({ found }) => found === 'not asked: canonical_livepatch_mode');
    expect(untold.map(({ check }) => check)).toEqual(
      allowed.contact ? [] : ['DNS', 'proxy', 'TLS', 'server', 'coverage'],
    );
  });

  it('lists everything that is held back', async () => {
    for (const version of ['121.1', '122.1']) scene.publish(version);
    scene.store.config.update({ 'cutoff-date': '2020-01-01T00:00:00Z' });
    await refresh(scene.context);
    const [finding] = await wrongIn(ill({}));
    expect(finding?.found).toMatch(/patch 122\.1 .*; patch 121\.1 /);
    expect(finding?.next).toBe("Remove it: 'sudo canonical-livepatch config cutoff-date='.");
  });

  it('finds every line of the configuration that has no effect', async () => {
    appendFileSync(join(scene.common, 'config'), 'colour: red\ncheck-interval: soon\n');
    const [finding] = await wrongIn(ill({}));
    expect(finding).toMatchObject({ check: 'configuration' });
    expect(finding?.found).toMatch(/colour is no configuration key.*check-interval: /);
  });

  it('finds the state file that was set aside, and modules that were refused for a patch', async () => {
    writeFileSync(join(scene.data, 'state.json'), 'x');
    expect(await wrongIn(ill({}))).toMatchObject([
      { check: 'state', next: expect.stringContaining('refresh') },
    ]);
    await refresh(scene.context);
    scene.kernel.refuseTarget({ patch: 'lkp_x', module: 'nfs' });
    const findings = (await doctor(ill({}))).filter(({ verdict }) => verdict !== 'ok');
    expect(findings).toMatchObject([
      { check: 'refused modules', found: 'the kernel refused to load nfs: lkp_x cannot patch it' },
      { check: 'state', verdict: 'unknown', found: expect.stringContaining('state.json.unreadable') },
    ]);
  });

  it('says how to enrol a key of your own under Secure Boot', async () => {
    const findings = await doctor(ill({ security: { secureBoot: true, lockdown: 'integrity' } }));
    expect(findings.find(({ check }) => check === 'Secure Boot')).toEqual({
      check: 'Secure Boot',
      verdict: 'unknown',
      found:
        'Secure Boot is on, lockdown is integrity, module.sig_enforce is off: the kernel takes only modules that are signed with a key it knows; whether it knows yours (signing-certs) shows when a patch is inserted',
      next: "Enrol the certificate of signing-certs: 'openssl x509 -in cert.pem -outform DER -out cert.der', 'sudo mokutil --import cert.der', reboot, and confirm at the console.",
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

describe('doctor, of a catalogue', () => {
  it.each([
    ['2026-11-20T04:00:00Z', 'was renewed on 2026-11-20T04:00:00Z and good until 2026-11-27T04:00:00Z'],
    [undefined, 'is up to date and good until 2026-11-27T04:00:00Z'],
  ])('says how fresh it is: renewed at %s', async (renewedAt, words) => {
    const { connect } = scene.context;
    scene.context.connect = async (...given) => {
      const { registry: _, ...source } = await connect(...given);
      const freshness = { renewedAt, expiresAt: '2026-11-27T04:00:00.000Z' };
      return { ...source, checkIn: async () => ({ advice: 'unchanged', freshness }) };
    };
    const found = (await doctor(ill({}))).find(({ check }) => check === 'server');
    expect(found).toMatchObject({ verdict: 'ok', found: expect.stringContaining(words) });
  });
});

/** Ways in which a run fails, with the exit status that it ends with, and where doctor names the cause. */
interface Failing {
  status: number;
  how: string;
  /** @returns what then fails, and the machine that doctor looks at. */
  make():
    | { run: () => Promise<unknown>; context?: Context }
    | Promise<{ run: () => Promise<unknown>; context?: Context }>;
  check: string;
  found: RegExp;
}

const again = () => refresh(scene.context);
/** A source that says so. */
const saying = (code: 'expired' | 'clock' | 'digest') => {
  const fail = async () => {
    throw new LivepatchError(code, `the source says ${code}`, { hint: 'Do something about it.' });
  };
  const { connect } = scene.context;
  scene.context.connect = async (...words) => {
    const { registry: _, ...source } = await connect(...words);
    return { ...source, checkIn: fail };
  };
  return { run: again };
};
const withConfig = (changes: Record<string, string>) => () => {
  scene.store.config.update(changes);
  return { run: again };
};
const publishing = (flaw: Flaw) => () => {
  scene.publish('121.1', flaw);
  return { run: again };
};

const FAILING: Failing[] = [
  {
    ...{ status: 1, how: 'not enabled', check: 'token', found: /not enabled/ },
    make() {
      scene.store.token.remove();
      return { run: again };
    },
  },
  {
    ...{ status: 1, how: 'a machine without an id', check: 'machine', found: /machine-id is empty/ },
    make() {
      scene.kernel.machine = () => {
        throw new LivepatchError('general', '/etc/machine-id is empty');
      };
      return { run: again };
    },
  },
  {
    ...{ status: 65, how: 'a foreign signature', check: 'patch', found: /not trusted here/ },
    make: publishing({ signer: makeSigner() }),
  },
  {
    ...{ status: 65, how: 'another digest', check: 'patch', found: /SHA-256/ },
    make: publishing({ named: { sha256: '0'.repeat(64) } }),
  },
  {
    ...{ status: 65, how: 'another kernel', check: 'patch', found: /6\.6\.6/ },
    make: publishing({ kernel: '6.6.6-amd64' }),
  },
  {
    ...{ status: 66, how: 'no coverage', check: 'coverage', found: /does not cover/ },
    make() {
      scene.store.token.remove();
      scene.server.database.setKernel(MACHINE.kernel, MACHINE.architecture, { support: 'unsupported' });
      return { run: () => enable(scene.context, scene.authToken) };
    },
  },
  {
    ...{ status: 66, how: 'another architecture', check: 'machine', found: /no live patches for riscv64/ },
    make() {
      scene.kernel.machine = () => {
        throw new LivepatchError('unsupported-kernel', 'unsupported kernel: no live patches for riscv64');
      };
      return { run: again };
    },
  },
  {
    ...{ status: 69, how: 'a closed port', check: 'server', found: /failed/ },
    make: withConfig({ 'remote-server': 'https://127.0.0.1:1' }),
  },
  {
    ...{
      status: 69,
      how: 'a name without an address',
      check: 'DNS',
      found: /livepatch\.invalid has no address/,
    },
    make: withConfig({ 'remote-server': 'https://livepatch.invalid' }),
  },
  {
    ...{ status: 69, how: 'a proxy that is not there', check: 'proxy', found: /through 127\.0\.0\.1:1/ },
    make: withConfig({ 'https-proxy': 'http://127.0.0.1:1' }),
  },
  {
    ...{ status: 69, how: 'an unknown CA', check: 'TLS', found: /not trusted/ },
    make: withConfig({ 'ca-certs': '' }),
  },
  {
    ...{ status: 71, how: 'an insertion that is refused', check: 'patch', found: /Device or resource busy/ },
    make() {
      scene.publish('121.1');
      scene.kernel.refuseNextInsert('Device or resource busy');
      return { run: again };
    },
  },
  {
    ...{ status: 71, how: 'a transition that stalls', check: 'patch', found: /did not finish/ },
    make() {
      scene.publish('121.1');
      scene.kernel.stallNextTransition();
      return { run: again };
    },
  },
  {
    ...{ status: 71, how: "somebody else's patch", check: 'other live patches', found: /kpatch_theirs/ },
    make() {
      scene.publish('121.1');
      scene.kernel.hold('kpatch_theirs');
      return { run: again };
    },
  },
  {
    ...{ status: 74, how: 'a token file of garbage', check: 'token', found: /does not hold a machine token/ },
    make() {
      writeFileSync(join(scene.common, 'machine-token'), 'garbage');
      return { run: again };
    },
  },
  {
    ...{ status: 74, how: 'a file in the place of all that is kept', check: 'disk', found: /data: / },
    make() {
      rmSync(scene.data, { recursive: true });
      writeFileSync(scene.data, '');
      return { run: again };
    },
  },
  {
    ...{ status: 75, how: 'another run', check: 'other run', found: /is running \(a long one, pid \d+\)/ },
    make() {
      const lock = scene.store.runLock('a long one', () => {});
      onTestFinished(() => lock[Symbol.dispose]());
      return { run: again };
    },
  },
  {
    ...{
      status: 76,
      how: 'a token that the server does not know',
      check: 'token',
      found: /does not know it/,
    },
    make() {
      scene.store.token.write(new Secret('0'.repeat(31).concat('1')));
      return { run: again };
    },
  },
  {
    ...{ status: 76, how: 'a catalogue that nobody renews', check: 'server', found: /says expired/ },
    make: () => saying('expired'),
  },
  {
    ...{
      status: 77,
      how: 'a plug that is not connected',
      check: 'confinement',
      found: /kernel-module-control/,
    },
    make() {
      scene.kernel.requirePlugs = async () => {
        throw new LivepatchError('no-permission', 'The snap lacks a permission: kernel-module-control');
      };
      return { run: again, context: ill({ host: { missingPlugs: ['kernel-module-control'] } }) };
    },
  },
  {
    ...{ status: 78, how: 'a broken line', check: 'configuration', found: /line \d+: .*remote-server/ },
    make() {
      writeFileSync(join(scene.common, 'config'), 'remote-server: "no address"\n', { mode: 0o600 });
      return { run: again };
    },
  },
  {
    ...{ status: 78, how: 'no certificate', check: 'certificates', found: /no certificate to verify/ },
    make() {
      scene.publish('121.1');
      return withConfig({ 'signing-certs': '' })();
    },
  },
  {
    ...{ status: 78, how: 'a clock that is ahead', check: 'clock', found: /says clock/ },
    make: () => saying('clock'),
  },
];

describe('doctor names the cause of', () => {
  it.each(FAILING)('$status, by $how', { timeout: 30_000 }, async ({ check, found, make, status }) => {
    const { run, context } = await make();
    const failure = await run().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(LivepatchError);
    expect((failure as LivepatchError).exitStatus).toBe(status);
    const began = performance.now();
    const findings = await doctor(context ?? ill({}));
    expect(performance.now() - began).toBeLessThan(10_000);
    const named = findings.filter(({ verdict }) => verdict !== 'ok').find((one) => one.check === check);
    expect(
      named?.found,
      JSON.stringify(
        findings.filter(({ verdict }) => verdict !== 'ok'),
        null,
        1,
      ),
    ).toMatch(found);
    expect(named?.next).toBeDefined();
  });

  it('79, by a patch that is held back', async () => {
    scene.publish('122.1');
    await refresh(scene.context);
    const file = join(scene.common, '..', 'older.tar.gz');
    writeFileSync(file, patchFile('121.1'));
    expect(await apply(scene.context, [file])).toMatchObject({ kind: 'held' });
    const findings = await doctor(ill({}));
    expect(findings.find(({ check }) => check === 'patch')?.found).toContain('121.1 is older than 122.1');
  });

  it.each(['EROFS', 'ENOSPC', 'EIO'] as const)('74, by a disk that says %s', async (code) => {
    using _gate = gateDisk(scene.common, () => {
      throw systemError(code);
    });
    await expect(refresh(scene.context)).rejects.toMatchObject({ exitStatus: 74 });
    expect(await wrongIn(ill({}))).toMatchObject([
      { check: 'disk', found: expect.stringContaining(code), next: expect.any(String) },
    ]);
  });

  it('69, by name servers that are silent, without waiting for them', async () => {
    scene.store.config.update({ 'remote-server': 'https://livepatch.test' });
    const began = performance.now();
    const findings = await doctor(ill({}), (host) => lookUp(host, hangingPrograms()));
    expect(performance.now() - began).toBeLessThan(5000);
    expect(findings.filter(({ verdict }) => verdict === 'wrong')).toMatchObject([
      { check: 'DNS', found: expect.stringContaining('livepatch.test could not be looked up') },
    ]);
    expect(findings.find(({ check }) => check === 'server')?.found).toMatch(/^not asked: livepatch\.test/);
  });

  it('69, by a server that takes connections and is silent', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1');
    onTestFinished(() => void silent.close());
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    scene.store.config.update({ 'remote-server': `https://127.0.0.1:${port}` });
    const began = performance.now();
    const wrong = await wrongIn(ill({}));
    expect(performance.now() - began).toBeLessThan(10_000);
    expect(wrong.map(({ check }) => check)).toEqual(['server']);
  });
});

/** Where `getent` never ends. */
function hangingPrograms(): string {
  const root = temporaryDirectory();
  mkdirSync(join(root, 'usr/bin'), { recursive: true });
  writeFileSync(join(root, 'usr/bin/getent'), '#!/bin/sh\nexec /bin/sleep 60\n', { mode: 0o755 });
  return root;
}

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
