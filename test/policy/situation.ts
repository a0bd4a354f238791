import { createHash } from 'node:crypto';
import { LivepatchError } from '../../src/errors.ts';
import type { Goal, Run, Situation } from '../../src/policy/loop.ts';
import { NEW_RUN } from '../../src/policy/record.ts';
import { EMPTY_STATE } from '../../src/store/state.ts';
import type {
  Advice,
  AppliedPatch,
  Candidate,
  Config,
  LivePatch,
  LoadedModule,
  Machine,
  Patch,
  PendingInsertion,
  State,
} from '../../src/types.ts';

/** Situations for the tests of policy/: a machine that is well, and the changes that a test is about. */

export const DAY = 86_400_000;
export const KERNEL = '6.1.0-56-amd64';
export const NOW = new Date('2026-11-22T12:00:00Z');

export const MACHINE: Machine = {
  id: '0123456789abcdef0123456789abcdef',
  architecture: 'amd64',
  cpuModel: 'Fake CPU',
  release: KERNEL,
  kernel: KERNEL,
  bootId: 'now',
  bootTime: '2026-11-22T06:00:00.000Z',
  uptimeSeconds: 3600,
};

export const CONFIG: Config = {
  httpProxy: '',
  httpsProxy: '',
  noProxy: '',
  remoteServer: new URL('https://livepatch.test'),
  caCerts: '',
  dialTimeout: 10_000,
  checkInterval: 3_600_000,
  logLevel: 'notice',
  tlsPatchDownload: true,
  cutoffDate: undefined,
  patchDelay: 0,
  signingCerts: '',
  pings: true,
  catalogueRoot: '',
  tier: undefined,
  revertWithdrawn: false,
};

const hash = (algorithm: string, version: string) => createHash(algorithm).update(version).digest('hex');

/** The module's name: minor versions share it. */
export const moduleOf = (version: string) => `lkp_x_${version.split('.')[0]}`;

/** What a source says of a version. */
export const candidate = (version: string, changes: Partial<Candidate> = {}): Candidate => ({
  version,
  digest: hash('sha512', version),
  module: moduleOf(version),
  cumulative: true,
  releasedAt: '2026-11-20T00:00:00Z',
  fixes: [
    { name: 'CVE-2026-0001', description: '', bug: '', patched: true },
    { name: 'CVE-2026-0002', description: '', bug: '', patched: false },
  ],
  sha256: hash('sha256', version),
  size: 1000,
  ...changes,
});

/** A version, proven. Its module has a build id. */
export function patch(version: string, changes: Partial<Patch> = {}): Patch {
  const { phase: _, size: __, ...rest } = candidate(version);
  return { ...rest, kernel: KERNEL, buildId: hash('sha1', version), ...changes };
}

export const applied = (version: string, changes: Partial<AppliedPatch> = {}): AppliedPatch => ({
  ...patch(version),
  bootId: 'now',
  appliedAt: '2026-11-21T00:00:00.000Z',
  ...changes,
});

/** An insertion of this boot that has not settled. */
export const pending = (version: string, changes: Partial<PendingInsertion> = {}): PendingInsertion => ({
  patch: patch(version),
  bootId: 'now',
  at: '2026-11-22T11:00:00.000Z',
  attempt: 1,
  ...changes,
});

/** The live patch of a version in the kernel. */
export const live = (version: string, changes: Partial<LivePatch> = {}): LivePatch => ({
  name: moduleOf(version),
  enabled: true,
  inTransition: false,
  ...changes,
});

export const loaded = (version: string): LoadedModule => ({
  name: moduleOf(version),
  buildId: hash('sha1', version),
});

export const advice = (candidates: Candidate[], changes: Partial<Advice> = {}): Advice => ({
  kernel: KERNEL,
  support: 'supported',
  tier: 'stable',
  candidates,
  withdrawn: [],
  revokedKeys: [],
  ...changes,
});

/** What a source says when it has these versions, newest first. */
export const offers = (...versions: string[]) => advice(versions.map((version) => candidate(version)));

export const withdraws = (...versions: string[]) =>
  versions.map((version) => ({ version, digest: candidate(version).digest }));

export const file = (version: string) => candidate(version).sha256;

export const REFRESH = {
  kind: 'refresh',
  occasion: 'person',
  retryBlocked: false,
  skipPhase: false,
  dryRun: false,
} as const satisfies Goal;
export const AT_BOOT = { ...REFRESH, occasion: 'boot' } as const satisfies Goal;
export const BY_TIMER = { ...REFRESH, occasion: 'timer' } as const satisfies Goal;

/** What differs from a machine that is enabled, well, and has nothing in its kernel. */
export interface Changes
  extends Partial<Omit<Situation, 'config' | 'machine' | 'mode' | 'run' | 'state' | 'kernel'>> {
  config?: { [Key in keyof Config]?: Config[Key] | undefined } | LivepatchError;
  machine?: Partial<Machine>;
  mode?: Partial<Situation['mode']>;
  run?: Partial<Run>;
  state?: Partial<State>;
  /** Undefined: a kernel that cannot be live-patched. */
  kernel?: { live: LivePatch[] | undefined; loaded?: LoadedModule[] } | undefined;
  /** Versions that are in use, by what is remembered and by what the kernel says. */
  inUse?: string[];
  /** Versions that were in use in an earlier boot of this kernel, their files still here. */
  before?: string[];
}

export function situation({ inUse = [], before = [], ...changes }: Changes = {}): Situation {
  const { config, kernel, machine, mode, run, state, ...rest } = changes;
  const standing = [
    ...before.map((version) => applied(version, { bootId: 'before' })),
    ...inUse.map((version) => applied(version)),
  ];
  const holds = kernel ?? { live: inUse.map((version) => live(version)) };
  return {
    goal: REFRESH,
    source: 'server',
    sourceTrusted: true,
    enabled: true,
    tokenError: undefined,
    pending: [],
    payloads: [...before, ...inUse].map(file),
    now: NOW,
    ...rest,
    machine: { ...MACHINE, ...machine },
    mode: { contact: true, apply: true, sources: ['/etc/mode'], ...mode },
    config: config instanceof LivepatchError ? config : ({ ...CONFIG, ...config } as Config),
    kernel: {
      livePatches: holds.live,
      loaded: holds.loaded ?? (kernel === undefined ? inUse.map(loaded) : []),
    },
    state: { ...EMPTY_STATE, applied: standing, ...state },
    run: { ...NEW_RUN, ...run },
  };
}

/** A run that has checked in. */
export const CHECKED = { check: 'done', cvesDone: true } as const satisfies Partial<Run>;
