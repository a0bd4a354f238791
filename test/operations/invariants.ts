import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { LIMITS } from '../../src/limits.ts';
import { status } from '../../src/operations/status.ts';
import type { StatusDocument } from '../../src/report/document.ts';
import type { AppliedPatch, PendingInsertion } from '../../src/types.ts';
import { type Deed, fileOf, type Sandbox, WITHOUT_BUILD_ID } from './sandbox.ts';

/** What an invariant is held against: a machine at rest, and the run that it comes from. */
export interface Subject {
  sandbox: Sandbox;
  /** How the run ended; undefined when nothing ran. */
  ended: 'well' | 'with an error' | 'killed' | undefined;
  /** The version that the run says it has applied. */
  applied?: string | undefined;
  deeds: Deed[];
  /** The administrator asked for what is blocked to be tried again. */
  retried: boolean;
  /** The pending insertions on disk before the run. */
  pendingBefore: PendingInsertion[];
  /** Whether the machine is enabled, by what its administrator has seen; undefined after a run that was killed. */
  enabled: boolean | undefined;
  /** Somebody has spoiled the state file, and no run has come since. */
  spoiled: boolean;
}

/** @returns what is wrong, or undefined. */
type Invariant = (subject: Subject) => string | undefined;

/** What always holds, whatever happened before: the one place where it is written down. */
export const INVARIANTS: Record<string, Invariant> = {
  /** The kernel is never handed a module that no pinned certificate has signed. */
  'nothing unverified is inserted': ({ deeds }) => bad(deeds, 'insert', ({ trusted }) => !trusted),

  /** Two runs at a time would each undo what the other has just looked at. */
  'nothing is done to the kernel without the run lock': ({ deeds }) =>
    bad(deeds, 'insert', ({ alone }) => !alone) ?? bad(deeds, 'clear', ({ alone }) => !alone),

  /** Whatever the machine dies of at an insertion, the next boot finds a lock that says so. */
  'nothing is inserted without its lock on disk': ({ deeds }) =>
    bad(deeds, 'insert', ({ locked }) => !locked),

  /** What the source last said is minded, for what is on disk too. */
  'what was withdrawn is not inserted': ({ deeds }) => bad(deeds, 'insert', ({ withdrawn }) => withdrawn),

  /** A cumulative patch would take somebody else's out of use without a word. */
  "nothing is inserted beside somebody else's live patch": ({ deeds }) =>
    bad(deeds, 'insert', ({ foreign }) => foreign.length > 0),

  /** After a crash: not before the machine has been up for a while, once, and then no more; after a bug: never. */
  'what the machine went down with is not inserted again unasked': ({
    deeds,
    pendingBefore,
    retried,
    sandbox,
  }) => {
    const { kernel } = sandbox.kernel.machine();
    const barred = ({ boot, version }: Deed) =>
      pendingBefore.some(
        ({ attempt, bootId, patch, trace }) =>
          patch.version === version &&
          patch.kernel === kernel &&
          (trace !== undefined ||
            (bootId !== boot.bootId && (attempt > 1 || boot.uptimeSeconds < LIMITS.kernel.cleanTime / 1000))),
      );
    return retried ? undefined : bad(deeds, 'insert', barred);
  },

  /** It is cleared only when the patch is out of the kernel, or was watched to the end. */
  'a patch in the kernel keeps its pending insertion until it has settled': ({ deeds }) =>
    bad(deeds, 'clear', ({ inKernel, watched }) => inKernel && watched < LIMITS.kernel.watchTime),

  /** Else the next boot would take a good patch for one that the machine died of. */
  'a run that ends well leaves no lock but of a bug or a crash': ({ ended, sandbox }) => {
    const { bootId } = sandbox.kernel.machine();
    const left = sandbox.store.pending
      .all()
      .find((lock) => lock.bootId === bootId && lock.trace === undefined);
    // Nobody goes on with a patch of a machine that was disabled.
    if (ended !== 'well' || left === undefined || !sandbox.store.token.exists()) return undefined;
    return `a pending insertion of ${left.patch.version}`;
  },

  /** Other programs go by the token's file. */
  'a machine is enabled exactly while its token is there': ({ enabled, sandbox }) => {
    const token = existsSync(join(sandbox.common, 'machine-token'));
    return enabled !== undefined && enabled !== token ? `enabled: ${enabled}, token: ${token}` : undefined;
  },

  /** Only somebody else can make it unreadable; never a run that was killed. */
  'the state file can be understood': ({ sandbox, spoiled }) => {
    try {
      sandbox.store.state.read();
      return undefined;
    } catch (error) {
      return spoiled ? undefined : String(error);
    }
  },

  /** Whatever is broken, a person can ask. */
  'status answers': ({ sandbox }) => {
    documentOf(sandbox);
    return undefined;
  },

  /** Others decide by this word that a reboot can wait. */
  'what status calls applied, the kernel holds: that very code, enabled and at rest': ({ sandbox }) => {
    const document = documentOf(sandbox);
    if (document?.patchState !== 'applied') return undefined;
    const atRest = (sandbox.kernel.look([]).livePatches ?? []).find(
      ({ enabled, inTransition, name }) =>
        enabled && !inTransition && sandbox.versionOf(name) === document.version,
    );
    return atRest === undefined ? `${document.version} is not in the kernel` : undefined;
  },

  /** A run that comes to an end knows what it has come to. */
  'what a run says it applied, the kernel holds': ({ applied, sandbox }) =>
    applied !== undefined && !inKernel(sandbox).includes(applied) ? applied : undefined,

  /** Whatever was lost before: what the kernel and a payload on disk both speak for is known again. */
  'after a run that ends well status knows the patch in the kernel': ({ ended, sandbox }) => {
    const document = documentOf(sandbox);
    if (ended !== 'well' || document === undefined) return undefined;
    const files = sandbox.store.payloads.all();
    // Of a module without a build id nothing is known once the state is lost.
    const knowable = inKernel(sandbox).filter(
      (version) =>
        version !== undefined &&
        !WITHOUT_BUILD_ID.includes(version) &&
        files.includes(fileOf(version).candidate.sha256),
    );
    return knowable.find((version) => !document.stack.includes(version ?? ''));
  },

  /** What is loaded besides the patch that is told of is told of too. */
  'nothing of ours is in the kernel that status does not show': ({ sandbox, spoiled }) => {
    const document = documentOf(sandbox);
    if (document === undefined || spoiled) return undefined;
    const shown = new Set(document.others);
    const hidden = sandbox.kernel
      .modules()
      .filter((name) => name.startsWith('lkp_') && !shown.has(name))
      .filter((name) => !inUse(sandbox).some(({ module }) => module === name));
    return hidden.length > 0 ? hidden.join(', ') : undefined;
  },

  /** A token that was half written when the power went must not lie about for ever. */
  'a run that ends well leaves nothing temporary': ({ ended, sandbox }) => {
    const { common, data } = sandbox;
    const left = [common, data, join(common, 'locks'), join(common, 'patches')]
      .flatMap((directory) => readdirSync(directory))
      .filter((name) => /\.tmp$|\.partial$|^\./.test(name));
    return ended === 'well' && left.length > 0 ? left.join(', ') : undefined;
  },
};

/** The names of all that do not hold, each with what is wrong. */
export function broken(subject: Subject): string[] {
  return Object.entries(INVARIANTS).flatMap(([name, check]) => {
    const wrong = attempt(() => check(subject));
    return wrong === undefined ? [] : `${name}: ${wrong}`;
  });
}

/** The versions whose code patches the kernel. */
function inKernel({ kernel, versionOf }: Sandbox): (string | undefined)[] {
  return (kernel.look([]).livePatches ?? [])
    .filter(({ enabled, name }) => enabled && name.startsWith('lkp_'))
    .map(({ name }) => versionOf(name));
}

/** One that cannot even be looked at does not hold. */
function attempt(check: () => string | undefined): string | undefined {
  try {
    return check();
  } catch (error) {
    return String(error);
  }
}

function bad(deeds: Deed[], kind: Deed['kind'], isBad: (deed: Deed) => boolean): string | undefined {
  return deeds.find((deed) => deed.kind === kind && isBad(deed))?.version;
}

/** Undefined when the machine is not enabled. */
function documentOf({ store, context }: Sandbox): StatusDocument | undefined {
  return store.token.exists() ? status(context) : undefined;
}

function inUse({ store }: Sandbox): AppliedPatch[] {
  return store.state.read().applied;
}
