import { renameSync } from 'node:fs';
import { dirname } from 'node:path';
import * as v from 'valibot';
import { hasErrno, LivepatchError } from '../errors.ts';
import { AdviceSchema, FixList, KernelVersion, Time, Version } from '../schemas.ts';
import type { HoldReason, State } from '../types.ts';
import { PUBLIC, readIfThere, storageError, syncDirectory, writeAtomic } from './files.ts';
import type { Paths } from './paths.ts';

/** The form of the record on disk. A later form is refused rather than half understood. */
const SCHEMA = 1;

const HOLD_REASONS = [
  'blocklisted',
  'cutoff-date',
  'patch-delay',
  'rollback',
  'reverted',
  'crashed',
  'kernel-bug',
  'not-yet',
  'mode',
] as const satisfies HoldReason[];

const StateSchema = v.object({
  schema: v.literal(SCHEMA),
  lastCheck: v.optional(v.object({ at: Time, error: v.optional(v.string()) })),
  lastGoodCheck: v.optional(
    v.object({ at: Time, serial: v.number(), issuedAt: Time, kernel: v.optional(KernelVersion) }),
  ),
  advice: v.optional(AdviceSchema),
  warnings: v.optional(v.array(v.string())),
  patch: v.optional(
    v.object({
      version: Version,
      module: v.string(),
      kernel: KernelVersion,
      sha256: v.string(),
      buildId: v.optional(v.string()),
      releasedAt: Time,
      fixes: FixList,
      appliedAt: Time,
      transitionSeconds: v.optional(v.number()),
      bootId: v.string(),
      bug: v.optional(v.boolean()),
    }),
  ),
  reverted: v.optional(Version),
  held: v.optional(
    v.object({
      version: Version,
      why: v.picklist(HOLD_REASONS),
      message: v.string(),
      missed: v.array(v.string()),
    }),
  ),
  failure: v.optional(v.object({ at: Time, version: Version, code: v.string(), message: v.string() })),
});

/** What is state between runs. */
export interface StateFile {
  /**
   * @returns an empty memory when nothing was ever state. Who may not read the record gets the published copy.
   * @throws LivepatchError `storage` when it is there and cannot be understood.
   */
  read(): State;
  write(state: State): void;
  /**
   * Moves a record that cannot be understood out of the way, where a person may still read it.
   * @returns where to, or undefined when there was no need.
   * @throws LivepatchError `storage`
   */
  setAside(): string | undefined;
}

export function stateFile(paths: Paths): StateFile {
  return {
    read() {
      const { path, text } = readableCopy(paths);
      return text === undefined ? {} : parse(path, text);
    },
    setAside() {
      const text = readIfThere(paths.state);
      if (text === undefined || isUnderstood(text)) return undefined;
      const aside = `${paths.state}.unreadable`;
      try {
        renameSync(paths.state, aside);
        syncDirectory(dirname(aside));
      } catch (error) {
        throw storageError('put aside', paths.state, error);
      }
      return aside;
    },
    write(state) {
      const text = `${JSON.stringify({ schema: SCHEMA, ...state }, null, 2)}\n`;
      // A run with nothing new would write the same twice, and wait for the disk each time.
      if ([paths.state, paths.published].every((path) => isWritten(path, text))) return;
      writeAtomic(paths.state, text);
      // For `status` of those who are not root. The record holds no secret by its type; the token has its own file.
      writeAtomic(paths.published, text, PUBLIC);
      if (state.lastCheck !== undefined) writeAtomic(paths.lastCheck, `${state.lastCheck.at}\n`);
    },
  };
}

function isWritten(path: string, text: string): boolean {
  try {
    return readIfThere(path) === text;
  } catch {
    return false;
  }
}

function isUnderstood(text: string): boolean {
  try {
    return v.is(StateSchema, JSON.parse(text));
  } catch {
    return false;
  }
}

function readableCopy(paths: Paths): { path: string; text: string | undefined } {
  try {
    return { path: paths.state, text: readIfThere(paths.state) };
  } catch (error) {
    if (!(error instanceof LivepatchError && hasErrno(error.cause, 'EACCES'))) throw error;
    return { path: paths.published, text: readIfThere(paths.published) };
  }
}

function parse(path: string, text: string): State {
  try {
    return v.parse(StateSchema, JSON.parse(text));
  } catch (error) {
    const field = v.isValiError(error) ? ` at ${v.getDotPath(error.issues[0]) ?? 'its top'}` : '';
    throw new LivepatchError('storage', `${path} cannot be understood${field}`, {
      hint: `The next 'sudo canonical-livepatch refresh' puts it aside and begins a new one.`,
      cause: error,
    });
  }
}
