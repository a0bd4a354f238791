import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { LivepatchError } from '../../src/errors.ts';
import type { Context } from '../../src/operations/context.ts';
import { enable } from '../../src/operations/enable.ts';
import { readModule } from '../../src/patch/module.ts';
import { splitSignedModule } from '../../src/patch/trailer.ts';
import { compareVersions } from '../../src/policy/version.ts';
import { Secret } from '../../src/secret.ts';
import type { Registry, Source } from '../../src/source/source.ts';
import { EMPTY_STATE } from '../../src/store/state.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import { type FakeKernel, fakeKernel, MACHINE } from '../fakes/kernel.ts';
import { makeSigner } from '../patch/make/pki.ts';
import { moduleOf, OURS, patchOf } from './scene.ts';

/**
 * A machine and its server for thousands of runs: the real operations on the real store, without TLS and without a
 * wait. It sees all that a run does to the kernel, and can let a run die at any call that leaves the operations.
 */
export interface Sandbox extends Disposable {
  /** Where all its files are. */
  directory: string;
  context: Context;
  kernel: FakeKernel;
  store: Store;
  common: string;
  data: string;
  server: FakeServer;
  /** What a person was told, in order. */
  told: string[];
  /** What was done to the kernel since this was last asked. */
  deeds(): Deed[];
  /** The version whose code is in the kernel under a module's name, as the kernel alone could know. */
  versionOf(module: string): string | undefined;
  /** The next run dies at its nth call to the outside, before or after that is done; `settle` says whether it did. */
  dieAt(call: number, after: boolean): void;
  /** The next run is dead as soon as this is so. */
  dieWhen(isDead: () => boolean): void;
  /** Whether the sandbox itself looks at the machine, which is no doing of the run. */
  isLooking(): boolean;
  /** Ends the life or death of a run. @returns whether it died. */
  settle(): boolean;
}

/** Something that was done to the kernel, and how things stood at that moment. */
export interface Deed {
  kind: 'insert' | 'clear';
  version: string;
  /** Whether the module carries a signature that this machine trusts. */
  trusted: boolean;
  /** Whether the run lock was held. */
  alone: boolean;
  /** Whether a lock of this boot was on disk. */
  locked: boolean;
  /** Whether the server is known to have withdrawn it. */
  withdrawn: boolean;
  /** Live patches of somebody else. */
  foreign: string[];
  /** Milliseconds that the run has watched so far. */
  watched: number;
  inKernel: boolean;
  /** The boot it was done in, which may be over when it is judged; seconds. */
  boot: { bootId: string; uptimeSeconds: number };
}

/** A Livepatch server of the mind: it says what a real one would, without a network. */
interface FakeServer extends Source {
  registry: Registry;
  publish(version: string): void;
  /** Names it no more, without a word against it. */
  drop(version: string): void;
  /** Says that nobody is to apply it any more. */
  withdraw(version: string): void;
  unreachable: boolean;
}

const STRANGER = makeSigner();
/** Made once: openssl signs each. */
const FILES = new Map<string, ReturnType<typeof patchOf>>();
const VERSIONS = new Map<string, { version: string; trusted: boolean }>();

/** A version whose patch file somebody else has signed. */
export const UNTRUSTED = '125.1';
/** Versions whose modules have no build id, as some linkers make them. */
export const WITHOUT_BUILD_ID = ['121.2', '124.1', '124.2'];
/** Versions that are stacked on what is there. */
export const STACKED = ['126.1', '127.1'];

export function fileOf(version: string): ReturnType<typeof patchOf> {
  const made = FILES.get(version);
  if (made !== undefined) return made;
  const trusted = version !== UNTRUSTED;
  const file = patchOf(version, {
    signer: trusted ? OURS : STRANGER,
    // Two minor versions have the same module name, but never the same code.
    parts: {
      filler: Buffer.from(`the code of ${version}`),
      notes: WITHOUT_BUILD_ID.includes(version) ? 0 : 1,
    },
    metadata: { cumulative: !STACKED.includes(version) },
    module(signed) {
      VERSIONS.set(sha256(signed), { version, trusted });
      return signed;
    },
  });
  FILES.set(version, file);
  return file;
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** In memory, where syncing costs nothing. */
export function startSandbox(): Sandbox {
  const directory = mkdtempSync('/dev/shm/livepatch-test-');
  const [common, data] = [join(directory, 'common'), join(directory, 'data')];
  const store = openStore({
    SNAP_NAME: 'canonical-livepatch',
    SNAP: directory,
    SNAP_COMMON: common,
    SNAP_DATA: data,
  });
  for (const path of [
    common,
    data,
    join(common, 'patches'),
    join(common, 'locks'),
    join(common, 'catalogue'),
  ])
    mkdirSync(path);
  store.config.update({ 'remote-server': 'https://livepatch.test', 'signing-certs': OURS.pem });

  const kernel = fakeKernel();
  kernel.stacks((name) => STACKED.some((version) => moduleOf(version) === name));
  const server = fakeServer();
  const told: string[] = [];
  const inKernel = new Map<string, string>();
  const deeds: Deed[] = [];
  let watched = 0;
  let held = false;

  let calls = 0;
  let death: { call: number; after: boolean } | undefined;
  let dead = false;
  let isDead = () => false;
  function pass(when: 'before' | 'after'): void {
    if (when === 'before') calls += 1;
    if (death?.call === calls && death.after === (when === 'after')) dead = true;
    if (isDead()) dead = true;
    if (dead) throw new Error('killed');
  }

  let looking = false;
  function note(kind: Deed['kind'], module: string, version: string, trusted: boolean): void {
    looking = true;
    const { bootId, uptimeSeconds } = kernel.machine();
    const { livePatches = [] } = kernel.look([]);
    const pending = store.pending
      .all()
      .find((one) => one.patch.module === module && one.patch.version === version);
    deeds.push({
      ...{ kind, version, trusted, watched, alone: held },
      locked: pending?.bootId === bootId,
      withdrawn: stateOf(store).advice?.withdrawn.some((one) => one.version === version) ?? false,
      foreign: livePatches.map(({ name }) => name).filter((name) => !name.startsWith('lkp_')),
      inKernel: livePatches.some(({ name }) => name === module) && inKernel.get(module) === version,
      boot: { bootId, uptimeSeconds },
    });
    looking = false;
  }

  const insert = kernel.insert;
  kernel.insert = async (fd) => {
    // By path, so that the kernel still finds the descriptor at its beginning.
    const module = readFileSync(`/proc/self/fd/${fd}`);
    const { trusted, version } = VERSIONS.get(sha256(module)) ?? { version: '?', trusted: false };
    const { name } = readModule(splitSignedModule(module).content);
    note('insert', name, version, trusted);
    watched = 0;
    await insert(fd);
    inKernel.set(name, version);
  };
  const clear = store.pending.clear;
  store.pending.clear = (pending) => {
    note('clear', pending.patch.module, pending.patch.version, true);
    clear(pending);
  };
  // One process, one run at a time: flock(2) has its own tests.
  store.runLock = () => {
    if (held) throw new LivepatchError('busy', 'held');
    held = true;
    return {
      [Symbol.dispose]: () => {
        held = false;
      },
    };
  };

  const context: Context = {
    clientVersion: '1.2.3',
    kernel: mortal(kernel, pass),
    store: mortal(store, pass),
    connect: async () => mortal(server, pass),
    readInput: (version) => chunks(fileOf(version).bytes),
    monotonic: () => 0,
    now: () => new Date('2026-11-22T12:00:00Z'),
    async sleep(milliseconds) {
      pass('before');
      watched += milliseconds;
      pass('after');
    },
    warn: () => {},
    debug: () => {},
    progress(step) {
      pass('before');
      told.push(step);
    },
  };
  return {
    ...{ context, kernel, store, directory, common, data, server, told },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
    deeds: () => deeds.splice(0),
    versionOf: (module) => inKernel.get(module),
    dieAt(call, after) {
      calls = 0;
      death = { call, after };
    },
    isLooking: () => looking,
    dieWhen(next) {
      isDead = next;
    },
    settle() {
      const died = dead;
      if (died) held = false;
      dead = false;
      isDead = () => false;
      death = undefined;
      return died;
    },
  };
}

/** One whose machine is enabled and has patch 121.1 in its kernel; gone when the running test is over. */
export async function startPatchedSandbox(): Promise<Sandbox> {
  const sandbox = startSandbox();
  onTestFinished(() => sandbox[Symbol.dispose]());
  sandbox.server.publish('121.1');
  await enable(sandbox.context, new Secret('an-auth-token'));
  return sandbox;
}

function stateOf(store: Store) {
  try {
    return store.state.read();
  } catch {
    return EMPTY_STATE;
  }
}

/** The same object, each of whose methods, however deep, passes a gate before and after what it does. */
function mortal<T extends object>(target: T, pass: (when: 'before' | 'after') => void): T {
  return new Proxy(target, {
    get(_, key) {
      const value = Reflect.get(target, key);
      if (typeof value === 'object' && value !== null) return mortal(value, pass);
      if (typeof value !== 'function') return value;
      return (...words: unknown[]) => {
        pass('before');
        const result = value.apply(target, words);
        if (!(result instanceof Promise)) {
          pass('after');
          return result;
        }
        return result.then((result) => {
          pass('after');
          return result;
        });
      };
    },
  });
}

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function fakeServer(): FakeServer {
  const published = new Set<string>();
  const withdrawn = new Set<string>();
  let token: string | undefined;
  const server: FakeServer = {
    unreachable: false,
    publish: (version) => void published.add(version),
    drop: (version) => void published.delete(version),
    withdraw(version) {
      published.delete(version);
      withdrawn.add(version);
    },
    async checkIn({ machine }) {
      reach();
      if (token === undefined) throw new LivepatchError('server-refused', 'Invalid Machine Token');
      const versions =
        machine.kernel === MACHINE.kernel ? [...published].sort(compareVersions).reverse() : [];
      return {
        issuedAt: '2026-11-22T12:00:00Z',
        advice: {
          kernel: machine.kernel,
          support: 'supported',
          tier: 'stable',
          candidates: versions.map((version) => fileOf(version).candidate),
          withdrawn: [...withdrawn].map((version) => ({ version, digest: fileOf(version).candidate.digest })),
          revokedKeys: [],
        },
      };
    },
    async *fetch({ version }) {
      reach();
      yield fileOf(version).bytes;
    },
    async cves() {
      reach();
      return 'none';
    },
    registry: {
      async support() {
        reach();
        return 'supported';
      },
      async register() {
        reach();
        token = 'a'.repeat(32);
        return new Secret(token);
      },
      async ping() {
        reach();
      },
      async unregister() {
        reach();
        token = undefined;
      },
    },
  };
  function reach(): void {
    if (server.unreachable) throw new LivepatchError('network', 'the server cannot be reached');
  }
  return server;
}
