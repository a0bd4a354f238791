import { LivepatchError, messageOf } from '../errors.ts';
import type { FaultWatch } from '../kernel/faults.ts';
import type { Event, Goal } from '../policy/loop.ts';
import { type Memory, NEW_RUN, record } from '../policy/record.ts';
import type { Secret } from '../secret.ts';
import type { Source } from '../source/source.ts';
import { EMPTY_STATE } from '../store/state.ts';
import type { Config, Machine, Mode, ProvenFile, State } from '../types.ts';
import type { Context } from './context.ts';
import { type PingQueue, pingQueue } from './ping-queue.ts';
import { persist } from './recorder.ts';

/** One run under the run lock: what does not change while it lasts, what it holds open, and what it remembers. */
export interface Session extends AsyncDisposable {
  context: Context;
  goal: Goal;
  machine: Machine;
  mode: Mode;
  config: Config | LivepatchError;
  /** What `enable` was given. */
  authToken: Secret | undefined;
  /** The machine token, or why it cannot be read. */
  token: Secret | LivepatchError | undefined;
  /** Proven files by digest: the bytes that the kernel is handed. */
  files: Map<string, ProvenFile>;
  faults: FaultWatch | undefined;
  /** When this run inserted a module, by the monotonic clock. */
  inserted: number | undefined;
  /** Once the source has been connected to. */
  source: Source | undefined;
  pings: PingQueue;
  memory(): Memory;
  /** Takes an event in, and writes down what has changed by it. */
  record(event: Event): void;
  /** Removes the patch files that nothing refers to any more. */
  prune(): void;
  /** Why what is remembered could not be written down at last. */
  unwritten: LivepatchError | undefined;
}

/**
 * Reads all that a run goes by. A state file that cannot be understood is set aside; what else is broken is for the
 * decision to judge, because `disable` has to work with anything on disk.
 * @throws LivepatchError `storage`, and as kernel.ts says of the machine.
 */
export function openSession(context: Context, goal: Goal, authToken: Secret | undefined): Session {
  const { kernel, store } = context;
  tolerate(context, goal, () => store.sweep());
  const machine = kernel.machine();
  const config = attempt(() => store.config.read());
  let memory: Memory = {
    state: readState(context, goal),
    pending: tolerate(context, goal, () => store.pending.all()) ?? [],
    run: NEW_RUN,
  };
  const session: Session = {
    context,
    goal,
    machine,
    mode: kernel.mode(),
    config,
    authToken,
    token: attempt(() => store.token.read()),
    files: new Map(),
    faults: undefined,
    inserted: undefined,
    source: undefined,
    pings: pingQueue(context, machine, config instanceof LivepatchError ? false : config.pings),
    memory: () => memory,
    record(event) {
      const before = memory;
      memory = record(before, event, { machine, now: context.now() });
      if (event.kind === 'registered') session.token = event.token;
      memory = persist(session, before, event, memory);
    },
    prune() {
      const { pending, run, state } = memory;
      const kept = [
        ...state.applied,
        ...state.reverted,
        state.displaced ?? [],
        pending.map(({ patch }) => patch),
        run.proven,
      ];
      if (run.erased) return;
      tolerate(context, { kind: 'disable', unpatch: false }, () =>
        store.payloads.keepOnly(new Set(kept.flat().map(({ sha256 }) => sha256))),
      );
    },
    unwritten: undefined,
    async [Symbol.asyncDispose]() {
      session.faults?.[Symbol.dispose]();
      await session.pings.close();
    },
  };
  return session;
}

function readState(context: Context, goal: Goal): State {
  const { state } = context.store;
  try {
    return state.read();
  } catch (error) {
    if (!(error instanceof LivepatchError) || error.code !== 'storage') throw error;
    const aside = tolerate(context, goal, () => state.setAside());
    context.progress(
      aside === undefined ? messageOf(error) : `the state file is corrupt; moved to ${aside}, starting fresh`,
    );
    return EMPTY_STATE;
  }
}

/** Nothing that is broken may keep a machine from being disabled. */
function tolerate<T>(context: Context, goal: Goal, what: () => T): T | undefined {
  try {
    return what();
  } catch (error) {
    if (goal.kind !== 'disable' || !(error instanceof LivepatchError)) throw error;
    context.progress(messageOf(error));
    return undefined;
  }
}

function attempt<T>(read: () => T): T | LivepatchError {
  try {
    return read();
  } catch (error) {
    if (error instanceof LivepatchError) return error;
    throw error;
  }
}
