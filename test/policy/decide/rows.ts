import { expect, it } from 'vitest';
import { LivepatchError } from '../../../src/errors.ts';
import { decide } from '../../../src/policy/decide.ts';
import { type Action, type Goal, keyOf } from '../../../src/policy/loop.ts';
import {
  CHECKED,
  type Changes,
  candidate,
  live,
  loaded,
  NOW,
  patch,
  REFRESH,
  situation,
} from '../situation.ts';

/** An action in one line. */
export function tell(action: Action): string {
  switch (action.do) {
    case 'done': {
      const { result } = action;
      if (result.kind === 'kept') return `done: kept, ${result.why}`;
      if (result.kind === 'applied') return `done: applied ${versionsOf(result.patches)}`;
      if (result.kind === 'held') return `done: held, ${action.held.map(({ why }) => why).join(' and ')}`;
      if (result.kind === 'reverted') return `done: reverted ${versionsOf(result.patches)}`;
      if (result.kind === 'would') return `done: would ${tell(result.action)}`;
      if (result.kind === 'enabled')
        return result.first instanceof LivepatchError
          ? `done: enabled, ${result.first.code}`
          : `done: enabled, ${result.first.kind}`;
      return `done: ${result.kind}`;
    }
    case 'fail':
      return `fail: ${action.error.code}`;
    case 'prove':
      return `prove ${action.expected?.version ?? 'any'}`;
    case 'begin-insertion':
      return `begin-insertion of ${action.patch.version}, try ${action.attempt}`;
    case 'disable':
    case 'unload':
      return `${action.do} ${action.module}, ${action.why}`;
    case 'clear-pending':
      return `clear-pending ${action.pending.patch.version}`;
    default:
      return keyOf(action);
  }
}
const versionsOf = (patches: readonly { version: string }[]) =>
  patches.map(({ version }) => version).join(', ');

export const error = (code: LivepatchError['code'] = 'network') => new LivepatchError(code, code);
export const failure = (action: string, version?: string, code: LivepatchError['code'] = 'network') => ({
  action,
  version,
  error: error(code),
});
/** A run in which this patch failed at something. */
export const failedRun = (version: string, action = `fetch patch ${version}`) => ({
  ...CHECKED,
  failed: [candidate(version).digest],
  failures: [failure(action, version)],
});
export const proven = (...versions: string[]) => ({
  ...CHECKED,
  proven: versions.map((version) => patch(version)),
});
export const begun = (version: string) => ({ ...proven(version), begun: candidate(version).digest });
export const ENABLE: Goal = { kind: 'enable' };
export const REVERT: Goal = { kind: 'revert', all: false };
export const REVERT_ALL: Goal = { kind: 'revert', all: true };
export const DISABLE: Goal = { kind: 'disable', unpatch: false };
export const UNPATCH: Goal = { kind: 'disable', unpatch: true };
export const apply = (...files: string[]): Goal => ({ kind: 'apply', files, dryRun: false });
export const RETRY: Goal = { ...REFRESH, retryBlocked: true };
export const TRY: Goal = { ...REFRESH, dryRun: true };
export const NO_APPLY = { apply: false };
export const NO_CONTACT = { contact: false };
export const STOP = { apply: false, contact: false };
export const given = (...versions: string[]) => ({
  proven: versions.map((version) => patch(version, { byHand: true })),
  given: versions.map((version) => patch(version, { byHand: true })),
});
/** Checked in a moment ago, so that nothing is due by the clock. */
export const RECENT = { lastGoodCheck: { at: NOW.toISOString() } };
export const stranger = {
  live: [{ name: 'kpatch_x', enabled: true, inTransition: false }],
  loaded: [{ name: 'kpatch_x' }],
};
export const lost = { live: [live('121.1')], loaded: [loaded('121.1')] };
export const empty = { live: [], loaded: [] };

export type Row = [what: string, changes: Changes, action: string];
export const table = (rows: Row[]) =>
  it.each(rows)('%s', (_what, changes, action) => {
    expect(tell(decide(situation(changes)))).toBe(action);
  });
