import { LivepatchError, messageOf } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { type Candidate, decide, hold } from '../patch/policy.ts';
import type { AppliedPatch, Decision, Hold, Patch, Remembered } from '../types.ts';
import { apply, retire, watch } from './apply.ts';
import { noteFailure } from './note.ts';
import { oweSettled, tell, tellError } from './pings.ts';
import type { Run } from './world.ts';

/** What a run came to. */
export type Outcome =
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
 * @throws LivepatchError when it cannot be obtained, verified or applied; the kernel is then as it was.
 * `kernel-bug` when it was applied and the kernel found a bug in it.
 */
export async function carryOut(
  run: Run,
  remembered: Remembered,
  prospect: Prospect | undefined,
): Promise<Outcome> {
  const decision = decide(situation(run, remembered, prospect));
  if (prospect === undefined || decision.action !== 'apply') {
    if (decision.action === 'hold') return holdBack(run, remembered, decision.hold);
    run.store.record.write({ ...remembered, held: undefined, failure: undefined });
    return decision as Outcome;
  }
  try {
    const patch = await prospect.open();
    if (run.mode.apply) return await bring(run, remembered, prospect, patch, decision.attempt);
    return holdBack(run, remembered, heldByMode(run, prospect));
  } catch (error) {
    noteFailure(run, prospect.version, error);
    tellError(run, prospect.version, error);
    if (error instanceof LivepatchError && error.code === 'kernel-bug') throw error;
    run.store.record.write({ ...remembered, held: undefined, failure: failureOf(run, prospect, error) });
    throw error;
  }
}

function holdBack({ store }: Run, remembered: Remembered, held: Hold): Outcome {
  store.record.write({ ...remembered, held, failure: undefined });
  store.events.add({ what: 'held', version: held.version, why: held.why, message: held.message });
  return { action: 'hold', hold: held };
}

/** Into the kernel, onto the record, and under watch. */
async function bring(
  run: Run,
  remembered: Remembered,
  prospect: Prospect,
  patch: Patch,
  attempt: number,
): Promise<Outcome> {
  const { kernel, machine, store } = run;
  const { module, releasedAt, fixes, version } = patch.metadata;
  const at = run.now().toISOString();
  using log = kernel.openLog();
  const lock = { module, version, kernel: machine.kernel, bootId: machine.bootId, at, attempt };
  const began = run.now();
  // Before it, too, so that a machine that goes down with it has something to tell.
  oweSettled(run, version);
  await apply(run, patch, lock);
  const appliedAt = run.now();

  const applied: AppliedPatch = {
    ...{ version, module, releasedAt, fixes },
    kernel: machine.kernel,
    sha256: prospect.sha256,
    appliedAt: appliedAt.toISOString(),
    transitionSeconds: Math.max(0, (appliedAt.getTime() - began.getTime()) / 1000),
    bootId: machine.bootId,
  };
  const now: Remembered = {
    ...remembered,
    patch: applied,
    held: undefined,
    failure: undefined,
    reverted: undefined,
  };
  store.record.write(now);
  store.payloads.keepOnly(prospect.sha256);
  store.events.add({ what: 'applied', version, replaced: replacedBy(applied, remembered.patch) });
  oweSettled(run, version);
  tell(run, { event: 'settled', version, minutes: 0 });
  await retire(run, remembered.patch, module);

  if (await watch(run, lock, log.read)) {
    store.record.write({ ...now, patch: { ...applied, bug: true } });
    throw kernelBug(version, store.locks.pathOf(module, version));
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

function situation(
  run: Run,
  remembered: Remembered,
  candidate: Candidate | undefined,
): Parameters<typeof decide>[0] {
  return {
    candidate,
    machine: run.machine,
    livePatches: run.kernel.livePatches() ?? [],
    applied: remembered.patch,
    reverted: remembered.reverted,
    blocklist: remembered.advice?.blocklist,
    overTls: run.config.remoteServer.protocol === 'https:',
    locks: run.store.locks.all(),
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

function failureOf(run: Run, { version }: Candidate, error: unknown): Remembered['failure'] {
  const code = error instanceof LivepatchError ? error.code : 'general';
  return { at: run.now().toISOString(), version, code, message: messageOf(error) };
}

function kernelBug(version: string, lock: string): LivepatchError {
  return new LivepatchError(
    'kernel-bug',
    `the kernel found a bug in patch ${version}; its trace is in ${lock}`,
    {
      hint: 'The patch stays in the kernel until the next boot and is not applied again. Plan a reboot.',
    },
  );
}
