import type { LivepatchError } from '../errors.ts';
import type { Secret } from '../secret.ts';
import type {
  Answer,
  AppliedPatch,
  Candidate,
  Config,
  Hold,
  KernelState,
  Machine,
  Mode,
  Patch,
  PendingInsertion,
  State,
  Support,
} from '../types.ts';

/**
 * The vocabulary of the loop: observe → decide → act → record. A situation is what was observed, an action is what was
 * decided, an event is what came of it, and a result is what a whole run came to.
 */

/** What a run is for. */
export type Goal =
  | { kind: 'enable' }
  | ({ kind: 'refresh'; occasion: Occasion } & RefreshOptions)
  /** Patch files on disk, in this order. */
  | { kind: 'apply'; files: readonly string[]; dryRun: boolean }
  /** `all`: also what nothing remembered says is ours. */
  | { kind: 'revert'; all: boolean }
  | { kind: 'disable'; unpatch: boolean };

/** Who asks for a refresh. */
export type Occasion = 'person' | 'timer' | 'boot';

export interface RefreshOptions {
  /** The administrator wants what is blocked on this machine to be tried again. */
  retryBlocked: boolean;
  /** Do not wait for this machine's turn in a phased release. */
  skipPhase: boolean;
  /** Say what would happen, and change nothing but what is known. */
  dryRun: boolean;
}

/** What one run has seen and done so far. Gone with the process: what must outlive it is in `State`. */
export interface Run {
  check: 'not-yet' | 'done' | 'failed';
  support: Support | undefined;
  registered: boolean;
  /** Files that were proven in this run. */
  proven: readonly Patch[];
  /** Of the patch files that were named on the command line, those that were taken in, proven. */
  given: readonly Patch[];
  /** SHA-256 of files on disk that proved to be no patch for this machine. */
  unusable: readonly string[];
  /** The insertion that this run has begun, by digest. */
  begun: string | undefined;
  /** Digests of patches that could not be fetched, proven or applied in this run. */
  failed: readonly string[];
  failures: readonly Failure[];
  applied: readonly AppliedPatch[];
  /** Taken out of use by this run, because that was asked for. */
  removed: readonly Patch[];
  /** Modules that were taken out of use because that was asked for, ours or not. */
  taken: readonly string[];
  /** Modules that were unloaded. */
  unloaded: readonly string[];
  /** Modules that are out of use and could not be unloaded. */
  stuck: readonly string[];
  cvesDone: boolean;
  /** Tokens, payloads and what is remembered of the server are gone. */
  erased: boolean;
  /** Whether the server was told that the machine leaves, or why it was not. */
  unregistered: boolean;
  serverNotTold: string | undefined;
}

export interface Failure {
  /** See `keyOf`. */
  action: string;
  /** The patch it was about. */
  version: string | undefined;
  error: LivepatchError;
}

/** Everything that a decision rests on, at one moment. Immutable. */
export interface Situation {
  goal: Goal;
  machine: Machine;
  mode: Mode;
  /** Or why it cannot be read. */
  config: Config | LivepatchError;
  source: 'server' | 'catalogue';
  /** Advice comes over TLS or under a signature, so that it is the source's. */
  sourceTrusted: boolean;
  enabled: boolean;
  /** Why the machine token cannot be used. */
  tokenError: LivepatchError | undefined;
  kernel: KernelState;
  state: State;
  pending: readonly PendingInsertion[];
  /** SHA-256 of the patch files on disk. */
  payloads: readonly string[];
  run: Run;
  now: Date;
}

/** What to do next: one thing. */
export type Action =
  | { do: 'ask-support' }
  | { do: 'register' }
  | { do: 'check-in' }
  | { do: 'fetch'; candidate: Candidate }
  /** Reads a file on disk and proves it. With `expected`, it must be that very patch. */
  | { do: 'prove'; sha256: string; expected: Candidate | Patch | undefined }
  /** Takes a patch file that was named on the command line in, and proves it. */
  | { do: 'take-in'; file: string }
  /** Remembers that what is in the kernel is this patch. */
  | { do: 'adopt'; patch: Patch }
  | { do: 'begin-insertion'; patch: Patch; attempt: number }
  | { do: 'insert'; patch: Patch }
  | { do: 'wait-for-transition'; patch: Patch }
  /** Until no patch at all is in transition: the kernel allows one at a time. */
  | { do: 'wait-for-idle' }
  | { do: 'watch'; patch: Patch }
  /** Ends a pending insertion whose module is not in the kernel. */
  | { do: 'clear-pending'; pending: PendingInsertion }
  | { do: 'disable'; module: string; why: Removal }
  | { do: 'unload'; module: string; why: Removal }
  | { do: 'fetch-cves' }
  | { do: 'erase' }
  | { do: 'unregister' }
  | { do: 'done'; result: Result; held: Hold[] }
  /** `patch`: what the error kept out of the kernel. */
  | { do: 'fail'; error: LivepatchError; held: Hold[]; patch: Patch | undefined };

/** Why a module has to leave the kernel. */
export type Removal =
  /** Another patch's module has the same name. */
  | 'in-the-way'
  /** A newer patch has replaced it. */
  | 'replaced'
  /** Its insertion failed. */
  | 'failed'
  /** Asked for by an administrator. */
  | 'reverted'
  /** Its source has withdrawn it. */
  | 'withdrawn';

/** What came of an action. */
export type Event =
  | { kind: 'support'; support: Support }
  | { kind: 'registered'; token: Secret }
  | ({ kind: 'checked-in'; warnings: string[] } & Answer)
  | { kind: 'check-failed'; error: LivepatchError; denied: boolean; warnings: string[] }
  | { kind: 'fetched'; candidate: Candidate }
  | { kind: 'proven'; patch: Patch }
  | { kind: 'taken-in'; patch: Patch }
  /** A file on disk is no patch for this machine, and was removed. `expected` is the patch it was to be. */
  | {
      kind: 'refused';
      sha256: string;
      expected: { version: string; digest: string } | undefined;
      error: LivepatchError;
    }
  /** A file on disk no longer hashes to its name, and was removed. */
  | { kind: 'damaged'; sha256: string; expected: { version: string; digest: string } | undefined }
  /** @param live the live patches that the kernel holds, this one among them. */
  | { kind: 'adopted'; patch: Patch; live: readonly string[] }
  | { kind: 'insertion-begun'; pending: PendingInsertion }
  | { kind: 'inserted'; patch: Patch }
  | { kind: 'insertion-refused'; patch: Patch; error: LivepatchError }
  /** @param live the live patches that the kernel holds now. */
  | { kind: 'transition-finished'; patch: Patch; seconds: number | undefined; live: readonly string[] }
  | { kind: 'transition-failed'; patch: Patch; error: LivepatchError }
  | { kind: 'idle' }
  | { kind: 'settled'; patch: Patch }
  | { kind: 'bug-found'; patch: Patch; trace: string[]; error: LivepatchError }
  | { kind: 'pending-cleared'; pending: PendingInsertion }
  | { kind: 'disabled'; module: string; why: Removal }
  | { kind: 'unloaded'; module: string; why: Removal }
  | { kind: 'unload-failed'; module: string; why: Removal; error: LivepatchError }
  | { kind: 'cves-done' }
  | { kind: 'erased'; wasEnabled: boolean }
  | { kind: 'unregistered' }
  | { kind: 'server-not-told'; reason: string }
  /** An action failed. */
  | {
      kind: 'failed';
      action: string;
      patch: { version: string; digest: string } | undefined;
      error: LivepatchError;
      denied?: boolean;
    }
  /** The run is over. */
  | { kind: 'concluded'; held: Hold[]; failure: { patch: Patch; error: LivepatchError } | undefined };

/** What a run came to, when it did not fail. */
export type Result =
  | { kind: 'applied'; patches: AppliedPatch[]; held: Hold[] }
  /** Something newer is due and held back, and nothing was changed. */
  | { kind: 'held'; held: Hold[] }
  | { kind: 'kept'; why: KeptWhy; held: Hold[] }
  | {
      kind: 'reverted';
      patches: Patch[];
      /** Modules that were taken out of use and are no patch of ours. */
      notOurs: string[];
      /** Modules that were out of use before, and are unloaded now. */
      unloaded: string[];
      stillLoaded: string[];
    }
  | { kind: 'enabled'; first: RefreshResult | LivepatchError }
  | {
      kind: 'disabled';
      wasEnabled: boolean;
      stillPatched: string[];
      stillLoaded: string[];
      serverNotTold: string | undefined;
    }
  /** A dry run: what would be done next. */
  | { kind: 'would'; action: Action; held: Hold[] };

export type RefreshResult = Extract<Result, { kind: 'applied' | 'held' | 'kept' | 'would' }>;

export type KeptWhy =
  | 'nothing-offered'
  | 'already-applied'
  /** The kernel found a bug in what is in use; it stays until the next boot. */
  | 'bug-in-use'
  | 'mode'
  | 'not-enabled'
  | 'not-due';

/** Names an action and what it is about: an action that failed is not tried again in the same run. */
export function keyOf(action: Action): string {
  switch (action.do) {
    case 'fetch':
      return `fetch patch ${action.candidate.version}`;
    case 'prove':
      return `prove ${action.sha256}`;
    case 'take-in':
      return `take in ${action.file}`;
    case 'adopt':
    case 'begin-insertion':
    case 'insert':
    case 'wait-for-transition':
    case 'watch':
      return `${action.do} patch ${action.patch.version}`;
    case 'clear-pending':
      return `clear the pending insertion of patch ${action.pending.patch.version}`;
    case 'disable':
    case 'unload':
      return `${action.do} ${action.module}`;
    default:
      return action.do;
  }
}
