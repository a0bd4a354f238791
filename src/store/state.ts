import * as v from 'valibot';
import { LivepatchError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { AdviceSchema, PatchSchema, Time, text, Version } from '../schemas.ts';
import type { HoldReason, State } from '../types.ts';
import { PUBLIC, readIfThere, setAside, writeAtomic } from './files.ts';
import type { Paths } from './paths.ts';

/** The form of the state on disk. A later form is refused rather than half understood. */
const SCHEMA = 2;

const HOLD_REASONS = [
  'withdrawn',
  'cutoff-date',
  'patch-delay',
  'phase',
  'rollback',
  'reverted',
  'crashed',
  'kernel-bug',
  'not-yet',
  'mode',
] as const satisfies HoldReason[];

const AppliedPatchSchema = v.object({
  ...PatchSchema.entries,
  bootId: text(64),
  appliedAt: Time,
  transitionSeconds: v.optional(v.number()),
  bug: v.optional(v.boolean()),
});

const StateSchema = v.object({
  schema: v.literal(SCHEMA),
  lastCheck: v.optional(v.object({ at: Time, error: v.optional(v.string()) })),
  lastGoodCheck: v.optional(
    v.object({
      at: Time,
      issuedAt: v.optional(Time),
      freshness: v.optional(v.object({ renewedAt: v.optional(Time), expiresAt: Time })),
    }),
  ),
  advice: v.optional(AdviceSchema),
  warnings: v.array(v.string()),
  applied: v.array(AppliedPatchSchema),
  replaced: v.array(AppliedPatchSchema),
  displaced: v.optional(AppliedPatchSchema),
  reverted: v.array(PatchSchema),
  held: v.array(
    v.object({
      version: Version,
      why: v.picklist(HOLD_REASONS),
      message: v.string(),
      missed: v.array(v.string()),
      releasedAt: Time,
    }),
  ),
  failure: v.optional(
    v.object({
      at: Time,
      version: Version,
      code: v.string(),
      message: v.string(),
      hint: v.optional(v.string()),
    }),
  ),
});

/** What is known when nothing was ever remembered. */
export const EMPTY_STATE: State = { warnings: [], applied: [], replaced: [], reverted: [], held: [] };

/** What is remembered between runs: one file that everybody may read, because it holds no secret by its type. */
export interface StateFile {
  /**
   * @returns the empty state when there is no file yet.
   * @throws LivepatchError `storage` when it is there and cannot be read or understood, whatever the reason.
   */
  read(): State;
  /** @throws LivepatchError `storage` */
  write(state: State): void;
  /**
   * Moves whatever is in the state's place, and cannot be understood, to where a person may still look at it.
   * @returns where to.
   * @throws LivepatchError `storage`
   */
  setAside(): string;
}

export function stateFile(paths: Pick<Paths, 'state' | 'lastCheck'>): StateFile {
  return {
    read() {
      const content = readState(paths.state);
      return content === undefined ? EMPTY_STATE : parse(paths.state, content);
    },
    setAside: () => setAside(paths.state),
    write(state) {
      // No spaces: what a source may say in one answer would be several times as long with them.
      const content = `${JSON.stringify({ schema: SCHEMA, ...state })}\n`;
      writeAtomic(paths.state, content, PUBLIC, LIMITS.store.stateBytes);
      if (state.lastCheck !== undefined) writeAtomic(paths.lastCheck, `${state.lastCheck.at}\n`);
    },
  };
}

function readState(path: string): string | undefined {
  try {
    return readIfThere(path, LIMITS.store.stateBytes);
  } catch (error) {
    if (!(error instanceof LivepatchError) || error.code !== 'storage') throw error;
    throw new LivepatchError('storage', error.message, { hint: SETS_ASIDE, cause: error });
  }
}

const SETS_ASIDE = "The next 'sudo canonical-livepatch refresh' moves it aside and starts fresh.";

function parse(path: string, content: string): State {
  try {
    const { schema: _, ...state } = v.parse(StateSchema, JSON.parse(content));
    return state;
  } catch (error) {
    const field = v.isValiError(error) ? ` at ${v.getDotPath(error.issues[0]) ?? 'its top'}` : '';
    throw new LivepatchError('storage', `${path} cannot be understood${field}`, {
      hint: SETS_ASIDE,
      cause: error,
    });
  }
}
