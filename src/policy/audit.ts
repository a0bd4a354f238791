import { EXIT_STATUS, type LivepatchError } from '../errors.ts';
import type { LivepatchEvent, Machine } from '../types.ts';
import type { Event } from './loop.ts';
import type { Memory } from './record.ts';

/** What of an event goes into the history and the security log. Pure. @param before what was remembered before it. */
export function auditOf(event: Event, before: Memory, machine: Machine): LivepatchEvent[] {
  switch (event.kind) {
    case 'registered':
      return [{ what: 'enabled' }];
    case 'erased':
      return event.wasEnabled ? [{ what: 'disabled' }] : [];
    case 'check-failed':
      return checkFailure(event);
    case 'transition-finished': {
      const replaced = before.state.applied.filter(
        ({ bootId, digest, module }) =>
          bootId === machine.bootId && digest !== event.patch.digest && !event.live.includes(module),
      );
      const displaced = before.state.displaced?.bootId === machine.bootId ? [before.state.displaced] : [];
      const versions = [...replaced, ...displaced].map(({ version }) => version);
      return [
        {
          what: 'applied',
          version: event.patch.version,
          replaced: versions.length === 0 ? undefined : versions,
        },
      ];
    }
    case 'disabled': {
      if (event.why !== 'reverted' && event.why !== 'withdrawn') return [];
      const patch = [...before.state.applied, ...before.pending.map((one) => one.patch)].find(
        ({ module }) => module === event.module,
      );
      return patch === undefined ? [] : [{ what: 'reverted', version: patch.version }];
    }
    case 'refused':
      return event.expected === undefined ? [] : [failure(event.expected, event.error)];
    case 'insertion-refused':
    case 'transition-failed':
    case 'bug-found':
      return [failure(event.patch, event.error)];
    case 'failed':
      if (event.denied) return [{ what: 'denied', why: event.error.code, message: event.error.message }];
      return event.patch === undefined ? [] : [failure(event.patch, event.error)];
    case 'concluded': {
      const known = before.state.held;
      const fresh = event.held.filter(
        ({ version, why }) => !known.some((one) => one.version === version && one.why === why),
      );
      return [
        ...(event.failure === undefined ? [] : [failure(event.failure.patch, event.failure.error)]),
        ...fresh.map(
          ({ message, version, why }): LivepatchEvent => ({ what: 'held', version, why, message }),
        ),
      ];
    }
    default:
      return [];
  }
}

/** That nobody was reached passes by itself; what a person has to see to is told. */
function checkFailure({ denied, error }: Extract<Event, { kind: 'check-failed' }>): LivepatchEvent[] {
  const { code, message } = error;
  if (denied) return [{ what: 'denied', why: code, message }];
  return code === 'expired' || code === 'clock' ? [{ what: 'expired', why: code, message }] : [];
}

/** What is not provably a patch for this kernel was `refused`; whatever else went wrong, has failed. */
function failure({ version }: { version: string }, { code, message }: LivepatchError): LivepatchEvent {
  const what = EXIT_STATUS[code] === EXIT_STATUS.signature ? 'refused' : 'failed';
  return { what, version, why: code, message };
}
