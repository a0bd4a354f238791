import { LivepatchError, messageOf } from '../errors.ts';
import type { KernelLog } from '../kernel/log.ts';
import { LIMITS } from '../limits.ts';
import { type Candidate, decide, hold, takenBack } from '../policy/choose.ts';
import { sameCode } from '../policy/life-cycle.ts';
import type { AppliedPatch, Decision, Hold, Patch, PendingInsertion, State } from '../types.ts';
import { apply, foundBug, retire, watch } from './apply.ts';
import { noteFailure } from './audit.ts';
import type { Run } from './context.ts';
import { openPayload } from './open-payload.ts';
import { oweSettled, tell, tellError } from './pings.ts';
import { look } from './reach.ts';
import { recover } from './recover.ts';
import { seeThrough } from './see-through.ts';

/** What a run came to. */
export type Result =
  | Exclude<Decision, { action: 'apply' }>
  | { action: 'applied'; patch: AppliedPatch }
  /** Only the timer's and the boot's run: it is not time yet, or there is nothing to do on this machine. */
  | { action: 'keep'; why: 'not-due' | 'not-enabled' };

/** A patch that may be due, and how to get hold of it, verified. */
export interface Prospect extends Candidate {
  sha256: string;
  open(): Promise<Patch>;
}

/**
 * Decides about a patch that may be due, carries the decision out, and remembers what came of it, for `status`.
 * @param due which patch that is, by what is state.
 * @throws LivepatchError when it cannot be obtained, verified or applied; the kernel is then as it was.
 * `kernel-bug` when it was applied and the kernel found a bug in it.
 */
export async function carryOut(
  run: Run,
  state: State,
  due: (state: State) => Promise<Prospect | undefined>,
): Promise<Result> {
  const prospect = await due(state);
  const decision = decide(situation(run, state, prospect));
  const goesIn = prospect !== undefined && decision.action === 'apply';
  // What a run that died has left may be the very patch: when it has been seen through, all is decided anew.
  if (!(goesIn && run.mode.apply) && (await seeThrough(run))) {
    return await carryOut(run, await rememberAnew(run), due);
  }
  if (!goesIn) return leave(run, state, decision as Result);
  using log = await run.kernel.openLog();
  const patch = await open(run, state, prospect);
  if (!run.mode.apply) {
    return leave(run, state, { action: 'hold', hold: heldByMode(run, prospect) });
  }
  const lock = lockFor(run, patch, decision.attempt);
  try {
    // Only what the kernel says from here on is about this patch.
    log.read();
    await insert(run, state, patch, lock, log);
  } catch (error) {
    rememberFailure(run, state, prospect, error);
    throw error;
  }
  // Awaited here, for the log is closed at the end of this function.
  return await confirm(run, state, prospect, patch, lock, log);
}

async function open(run: Run, state: State, prospect: Prospect): Promise<Patch> {
  try {
    return await prospect.open();
  } catch (error) {
    rememberFailure(run, state, prospect, error);
    await seeThrough(run).catch((other: unknown) => run.progress(messageOf(other)));
    throw error;
  }
}

/** Nothing new goes into the kernel. */
function leave({ store }: Run, state: State, result: Result): Result {
  const held = result.action === 'hold' ? result.hold : undefined;
  store.state.write({ ...state, held, failure: undefined });
  if (held !== undefined) {
    store.events.add({ what: 'held', version: held.version, why: held.why, message: held.message });
  }
  return result;
}

async function rememberAnew(run: Run): Promise<State> {
  await recover(run);
  return run.store.state.read();
}

/**
 * Into the kernel. A module's name holds only the major version, so that one minor version has to leave before another
 * can come; it is put back when the other one fails.
 */
async function insert(
  run: Run,
  state: State,
  patch: Patch,
  lock: PendingInsertion,
  log: KernelLog,
): Promise<void> {
  const before = state.patch;
  const inTheWay = !sameCode(run.kernel.buildId(lock.module), patch.buildId);
  const stood = inTheWay && look(run, lock.module) === 'applied';
  try {
    // Before it, too, so that a machine that goes down with it has something to tell.
    oweSettled(run, lock.version);
    await apply(run, patch, lock, inTheWay);
  } catch (error) {
    if (stood && before?.module === lock.module) await putBack(run, state, before, log);
    throw error;
  }
}

async function putBack(run: Run, { advice }: State, before: AppliedPatch, log: KernelLog): Promise<void> {
  if (takenBack(before.version, advice?.blocklist) !== undefined) return;
  run.progress(`putting patch ${before.version} back`);
  try {
    const patch = await openPayload(run, run.machine, run.config, before.sha256, advice?.blocklist);
    const lock = lockFor(run, patch, 1);
    await apply(run, patch, lock, false);
    await watch(run, lock, log.read);
  } catch (error) {
    run.progress(`patch ${before.version} could not be put back: ${messageOf(error)}`);
  }
}

/** Onto the record, and under watch. */
async function confirm(
  run: Run,
  state: State,
  { sha256 }: Prospect,
  patch: Patch,
  lock: PendingInsertion,
  log: KernelLog,
): Promise<Result> {
  const { machine, store } = run;
  const { module, releasedAt, fixes, version } = patch.metadata;
  const appliedAt = run.now();
  const applied: AppliedPatch = {
    ...{ version, module, releasedAt, fixes, sha256, buildId: patch.buildId },
    kernel: machine.kernel,
    appliedAt: appliedAt.toISOString(),
    transitionSeconds: Math.max(0, (appliedAt.getTime() - Date.parse(lock.at)) / 1000),
    bootId: machine.bootId,
  };
  const now: State = {
    ...state,
    patch: applied,
    held: undefined,
    failure: undefined,
    reverted: undefined,
  };
  store.state.write(now);
  store.payloads.keepOnly(sha256);
  store.events.add({ what: 'applied', version, replaced: replacedBy(applied, state.patch) });
  oweSettled(run, version);
  tell(run, { event: 'settled', version, minutes: 0 });
  await retire(run, module);

  if (await watch(run, lock, log.read)) {
    store.state.write({ ...now, patch: { ...applied, bug: true } });
    throw foundBug(run, lock);
  }
  return { action: 'applied', patch: applied };
}

/** The patch that stood in this kernel since this boot, if another one did. */
function replacedBy(
  { bootId, version }: AppliedPatch,
  previous: AppliedPatch | undefined,
): string | undefined {
  return previous?.bootId === bootId && previous.version !== version ? previous.version : undefined;
}

function lockFor(run: Run, { metadata: { module, version } }: Patch, attempt: number): PendingInsertion {
  const { bootId, kernel } = run.machine;
  return { module, version, kernel, bootId, at: run.now().toISOString(), attempt };
}

function situation(run: Run, state: State, candidate: Candidate | undefined): Parameters<typeof decide>[0] {
  return {
    candidate,
    machine: run.machine,
    livePatches: run.kernel.livePatches() ?? [],
    applied: state.patch,
    reverted: state.reverted,
    blocklist: state.advice?.blocklist,
    overTls: run.config.remoteServer.protocol === 'https:',
    locks: run.store.pending.all(),
    config: run.config,
    retryBlocked: run.retryBlocked,
    cleanSeconds: LIMITS.kernel.cleanTime / 1000,
    now: run.now(),
  };
}

function heldByMode({ mode }: Run, candidate: Candidate): Hold {
  return hold(
    candidate,
    'mode',
    `canonical_livepatch_mode, set in ${mode.sources.join(' and ')}, lets nothing be applied`,
  );
}

/** A disk that does not take this must not hide what went wrong first. */
function rememberFailure(run: Run, state: State, { version }: Candidate, error: unknown): void {
  noteFailure(run, version, error);
  tellError(run, version, error);
  const code = error instanceof LivepatchError ? error.code : 'general';
  const failure = { at: run.now().toISOString(), version, code, message: messageOf(error) };
  try {
    run.store.state.write({ ...state, held: undefined, failure });
  } catch (unwritten) {
    run.progress(messageOf(unwritten));
  }
}
