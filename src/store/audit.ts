import * as v from 'valibot';
import { LIMITS } from '../limits.ts';
import { Time } from '../schemas.ts';
import type { EventName, LivepatchEvent, PastEvent } from '../types.ts';
import { boundedLog } from './bounded-log.ts';
import type { Paths } from './paths.ts';

/** Where each is written: the history answers "what happened here", the security log is for monitoring. */
const SINKS = {
  enabled: { history: true, security: true },
  disabled: { history: true, security: true },
  applied: { history: true, security: false },
  held: { history: true, security: false },
  refused: { history: true, security: true },
  failed: { history: true, security: false },
  reverted: { history: true, security: true },
  denied: { history: true, security: true },
  expired: { history: true, security: true },
  configured: { history: false, security: true },
} as const satisfies Record<EventName, { history: boolean; security: boolean }>;

const EventSchema = v.object({
  at: Time,
  what: v.picklist(Object.keys(SINKS) as EventName[]),
  version: v.optional(v.string()),
  replaced: v.optional(v.array(v.string())),
  why: v.optional(v.string()),
  message: v.optional(v.string()),
  keys: v.optional(v.array(v.string())),
});

/** What happened on this machine, one JSON line each, without secrets, bounded. */
export interface Events {
  /**
   * Puts an event on record. Never throws: a full disk must not keep a fix from the kernel, and `doctor` shows it.
   * In the history, the same thing again and again, as an hourly refresh may find it, stands once.
   */
  add(event: LivepatchEvent): void;
  /** The newest first. @throws LivepatchError `storage` */
  history(): PastEvent[];
}

export function events(paths: Pick<Paths, 'history' | 'securityLog'>): Events {
  const history = boundedLog(paths.history, { bytes: LIMITS.store.historyBytes, files: 2 });
  const security = boundedLog(paths.securityLog, {
    bytes: LIMITS.store.securityLogBytes,
    files: LIMITS.store.securityLogFiles,
  });
  const past = () => history.newestFirst().flatMap(parse);
  return {
    add(event) {
      const line = JSON.stringify({ at: new Date().toISOString(), ...event });
      const books = SINKS[event.what];
      try {
        if (books.security) security.append(line);
        if (books.history && !isSame(past()[0], event)) history.append(line);
      } catch {
        // See above.
      }
    },
    history: past,
  };
}

function isSame(last: PastEvent | undefined, event: LivepatchEvent): boolean {
  return last?.what === event.what && last.version === event.version && last.why === event.why;
}

/** A line that was cut off, by a crash or by hand, is passed over. */
function parse(line: string): PastEvent[] {
  try {
    return [v.parse(EventSchema, JSON.parse(line))];
  } catch {
    return [];
  }
}
