import { LivepatchError } from '../errors.ts';
import type { AppliedPatch, Machine, Patch, PendingInsertion, State } from '../types.ts';
import { isUnsettled } from './crash-guard.ts';
import type { Event, Failure, Run } from './loop.ts';
import { compareVersions } from './version.ts';

/** All that is known besides what can be seen: what outlives the run, and what the run itself has done. */
export interface Memory {
  state: State;
  pending: readonly PendingInsertion[];
  run: Run;
}

/** When and where an event came about. */
export interface Occurrence {
  machine: Machine;
  now: Date;
}

export const NEW_RUN: Run = {
  check: 'not-yet',
  support: undefined,
  registered: false,
  proven: [],
  given: [],
  unusable: [],
  begun: undefined,
  failed: [],
  failures: [],
  applied: [],
  removed: [],
  taken: [],
  unloaded: [],
  stuck: [],
  cvesDone: false,
  erased: false,
  unregistered: false,
  serverNotTold: undefined,
};

/** What is remembered after an event. Pure; the only place that changes what is remembered. */
export function record(memory: Memory, event: Event, { machine, now }: Occurrence): Memory {
  const { pending, run, state } = memory;
  const at = now.toISOString();
  switch (event.kind) {
    case 'support':
      return { ...memory, run: { ...run, support: event.support } };

    case 'registered': {
      // Answers that were given to another registration say nothing about this one; what is in the kernel still does.
      const { applied, displaced, replaced, reverted } = state;
      return {
        ...memory,
        state: { warnings: [], held: [], applied, displaced, replaced, reverted },
        run: { ...run, registered: true },
      };
    }

    case 'checked-in': {
      const { advice, freshness, issuedAt, warnings } = event;
      const known = advice === 'unchanged' ? state.advice : advice;
      const failure = stillMatters(state.failure, known, state) ? state.failure : undefined;
      const lastGoodCheck = { at, issuedAt, freshness };
      const checks = { lastCheck: { at }, lastGoodCheck, advice: known, warnings, failure };
      return { ...memory, state: { ...state, ...checks }, run: { ...run, check: 'done' } };
    }

    case 'check-failed': {
      const { error, warnings } = event;
      const failure = { action: 'check-in', version: undefined, error };
      const lastCheck = { at, error: error.message };
      return {
        ...memory,
        state: { ...state, lastCheck, warnings },
        run: { ...run, check: 'failed', failures: [...run.failures, failure] },
      };
    }

    case 'fetched':
    case 'idle':
    case 'inserted':
      return memory;

    case 'proven':
      return { ...memory, run: { ...run, proven: [...run.proven, event.patch] } };

    case 'taken-in': {
      const { patch } = event;
      return { ...memory, run: { ...run, proven: [...run.proven, patch], given: [...run.given, patch] } };
    }

    case 'refused': {
      const { error, expected, sha256 } = event;
      const known = { ...memory, run: { ...run, unusable: [...run.unusable, sha256] } };
      return expected === undefined ? known : failed(known, `prove ${sha256}`, expected, error, at);
    }

    case 'damaged': {
      const { expected, sha256 } = event;
      const known = { ...memory, run: { ...run, unusable: [...run.unusable, sha256] } };
      if (expected === undefined) return known;
      const error = new LivepatchError(
        'digest',
        `the file of patch ${expected.version} on disk was damaged`,
        {
          hint: 'It was removed; the next check fetches it again. A file that was applied by hand has to be given again.',
        },
      );
      // It may be fetched anew in this very run.
      return failed(known, 'read', { ...expected, digest: '' }, error, at);
    }

    case 'adopted': {
      const bug = pending.some(
        ({ patch, trace }) => patch.digest === event.patch.digest && trace !== undefined,
      );
      const applied = { ...event.patch, bootId: machine.bootId, appliedAt: at, ...(bug && { bug }) };
      const { replaced, stays } = besides(event, state, machine);
      return {
        ...memory,
        state: { ...state, applied: [...stays, applied], replaced: [...state.replaced, ...replaced] },
      };
    }

    case 'insertion-begun':
      return {
        ...memory,
        pending: [...without(event.pending, pending), event.pending],
        run: { ...run, begun: event.pending.patch.digest },
      };

    case 'insertion-refused':
      return failed(memory, `insert patch ${event.patch.version}`, event.patch, event.error, at);

    case 'transition-failed':
      return failed(memory, `wait-for-transition patch ${event.patch.version}`, event.patch, event.error, at);

    case 'transition-finished':
      return transitionFinished(memory, event, { machine, now });

    case 'settled':
      // All of this boot have settled with it: the machine has outlived what they were written for.
      return { ...memory, pending: pending.filter((one) => !isUnsettled(one, machine)) };

    case 'bug-found': {
      const { error, patch, trace } = event;
      const marked = pending.map((one) => (one.patch.digest === patch.digest ? { ...one, trace } : one));
      const applied = state.applied.map((one) => (one.digest === patch.digest ? { ...one, bug: true } : one));
      const known = {
        ...memory,
        pending: marked,
        state: { ...state, applied },
        run: { ...run, applied: [] },
      };
      return failed(known, `watch patch ${patch.version}`, patch, error, at);
    }

    case 'pending-cleared': {
      const { earlier, patch } = event.pending;
      const rest = without(event.pending, pending);
      // What the machine went down with before is not forgotten because this try failed.
      return { ...memory, pending: earlier === undefined ? rest : [...rest, { patch, ...earlier }] };
    }

    case 'disabled':
      return event.why === 'reverted' || event.why === 'withdrawn'
        ? takenOut(memory, event, machine)
        : memory;

    case 'unloaded':
      return unloaded(memory, event);

    case 'unload-failed':
      return { ...memory, run: { ...run, stuck: [...run.stuck, event.module] } };

    case 'cves-done':
      return { ...memory, run: { ...run, cvesDone: true } };

    case 'erased': {
      // What is in the kernel stays known until the next boot; its file is gone, so it does not come back.
      const { applied, replaced } = state;
      return {
        ...memory,
        state: { warnings: [], held: [], reverted: [], applied, replaced },
        run: { ...run, erased: true },
      };
    }

    case 'unregistered':
      return { ...memory, run: { ...run, unregistered: true } };

    case 'server-not-told':
      return { ...memory, run: { ...run, serverNotTold: event.reason } };

    case 'failed':
      return failed(memory, event.action, event.patch, event.error, at);

    case 'concluded': {
      const { failure, held } = event;
      // A run that changed nothing leaves nothing to write down.
      const isKnown = held === state.held || (held.length === 0 && state.held.length === 0);
      const concluded = isKnown ? memory : { ...memory, state: { ...state, held } };
      return failure === undefined
        ? concluded
        : failed(concluded, 'insert', failure.patch, failure.error, at);
    }
  }
}

/** What is remembered of an error. */
function told({ code, hint, message }: Failure['error']) {
  return { code, message, ...(hint === undefined ? {} : { hint }) };
}

/** A patch that nobody names any more is missed by nobody: a stranger's 999999.1 must not be told for ever. */
function stillMatters(
  failure: State['failure'],
  advice: State['advice'],
  { applied }: State,
): failure is NonNullable<State['failure']> {
  if (failure === undefined || advice === undefined) return false;
  return [...advice.candidates, ...applied].some(({ version }) => version === failure.version);
}

/** A patch could not be fetched, proven or applied. The first failure of a run is the one that is told. */
function failed(
  { pending, run, state }: Memory,
  action: string,
  patch: { version: string; digest: string } | undefined,
  error: Failure['error'],
  at: string,
): Memory {
  const failure = { action, version: patch?.version, error };
  const isFirst = run.failures.every(({ version }) => version === undefined);
  return {
    pending,
    run: {
      ...run,
      failures: [...run.failures, failure],
      failed: patch === undefined ? run.failed : [...run.failed, patch.digest],
    },
    state:
      patch === undefined || !isFirst
        ? state
        : { ...state, failure: { at, version: patch.version, ...told(error) } },
  };
}

/** What is remembered beside a patch that is in use. What the kernel no longer holds was replaced. */
function besides(
  { live, patch }: Extract<Event, { kind: 'adopted' | 'transition-finished' }>,
  { applied }: State,
  machine: Machine,
): { stays: AppliedPatch[]; replaced: AppliedPatch[] } {
  const others = othersThan(patch, applied, machine);
  const isHere = ({ bootId }: AppliedPatch) => bootId === machine.bootId;
  const isLive = ({ module }: AppliedPatch) => live.includes(module);
  return {
    // What has its module's name was taken for it.
    stays: others.filter((one) =>
      isHere(one) ? isLive(one) && one.module !== patch.module : outlives(one, patch),
    ),
    replaced: others.filter((one) => isHere(one) && !isLive(one)),
  };
}

function transitionFinished(
  { pending, run, state }: Memory,
  event: Extract<Event, { kind: 'transition-finished' }>,
  { machine, now }: Occurrence,
): Memory {
  const { patch, seconds } = event;
  const here = { bootId: machine.bootId, appliedAt: now.toISOString(), transitionSeconds: seconds };
  const applied: AppliedPatch = { ...patch, ...here };
  const { replaced, stays } = besides(event, state, machine);
  // What failed before is corrected by this patch or a newer one.
  const failures = run.failures.filter(
    ({ version }) => version === undefined || compareVersions(version, patch.version) > 0,
  );
  const isMended = state.failure === undefined || compareVersions(state.failure.version, patch.version) <= 0;
  const isBack =
    state.displaced !== undefined && state.displaced.digest !== patch.digest && failures.length > 0;
  return {
    pending,
    run: { ...run, applied: [...run.applied, applied], failures },
    state: {
      ...state,
      applied: inPlace(applied, state.applied).filter((one) => one === applied || stays.includes(one)),
      replaced: [...state.replaced, ...replaced],
      displaced: isBack ? state.displaced : undefined,
      reverted: state.reverted.filter((one) => one.digest !== patch.digest && outlives(one, patch)),
      failure: isMended ? undefined : state.failure,
    },
  };
}

/**
 * What was stacked on a cumulative patch comes back after it, after a reboot as after a revert: until then it is
 * not forgotten.
 */
function outlives(gone: Patch, applied: Patch): boolean {
  return !applied.cumulative || (!gone.cumulative && compareVersions(gone.version, applied.version) > 0);
}

/** Out of use because that was asked for; its module may still be loaded. */
function takenOut(
  memory: Memory,
  { module, why }: Extract<Event, { kind: 'disabled' }>,
  machine: Machine,
): Memory {
  const { pending, run, state } = memory;
  const isIt = (one: AppliedPatch) => one.module === module && one.bootId === machine.bootId;
  const begun = pending.find((one) => one.patch.module === module && isUnsettled(one, machine))?.patch;
  const applied = state.applied.find(isIt);
  const gone: Patch | undefined = applied ?? begun;
  const taken = [...run.taken, module];
  if (gone === undefined) return { ...memory, run: { ...run, taken } };
  const here = applied ?? { ...gone, bootId: machine.bootId, appliedAt: '' };
  const earlier = run.removed.length === 0 ? [] : state.reverted;
  return {
    pending,
    run: { ...run, taken, removed: [...run.removed, gone] },
    state: {
      ...state,
      applied: state.applied.filter((one) => !isIt(one)),
      replaced: [...state.replaced, { ...here, appliedAt: here.appliedAt || new Date(0).toISOString() }],
      // Newest first out, oldest first kept.
      reverted: why === 'reverted' ? [plain(gone), ...earlier] : state.reverted,
    },
  };
}

function plain({
  byHand,
  cumulative,
  digest,
  fixes,
  kernel,
  module,
  releasedAt,
  sha256,
  version,
  buildId,
}: Patch): Patch {
  return { kernel, version, digest, module, buildId, cumulative, releasedAt, fixes, sha256, byHand };
}

function unloaded(
  { pending, run, state }: Memory,
  { module, why }: Extract<Event, { kind: 'unloaded' }>,
): Memory {
  const keep = (list: readonly AppliedPatch[]) => list.filter((one) => one.module !== module);
  const displaced = why === 'in-the-way' ? state.applied.find((one) => one.module === module) : undefined;
  return {
    pending,
    run: { ...run, unloaded: [...run.unloaded, module] },
    state: {
      ...state,
      applied: why === 'in-the-way' ? keep(state.applied) : state.applied,
      replaced: keep(state.replaced),
      displaced: displaced ?? state.displaced,
    },
  };
}

/** A patch that comes back after a reboot keeps its place in the stack. */
function inPlace(patch: AppliedPatch, applied: readonly AppliedPatch[]): AppliedPatch[] {
  const isThere = applied.some(({ digest }) => digest === patch.digest);
  return isThere ? applied.map((one) => (one.digest === patch.digest ? patch : one)) : [...applied, patch];
}

/** The applied patches of this kernel without one; those of another kernel are gone with it. */
function othersThan(patch: Patch, applied: readonly AppliedPatch[], { kernel }: Machine): AppliedPatch[] {
  return applied.filter((one) => one.kernel === kernel && one.digest !== patch.digest);
}

function without(gone: PendingInsertion, pending: readonly PendingInsertion[]): PendingInsertion[] {
  return pending.filter(
    ({ patch }) => patch.module !== gone.patch.module || patch.version !== gone.patch.version,
  );
}
