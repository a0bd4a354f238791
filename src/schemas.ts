import * as v from 'valibot';
import { type ErrorCode, EXIT_STATUS } from './errors.ts';
import { LIMITS } from './limits.ts';
import { isLine, isProse } from './text.ts';
import type { Advice, Candidate, CveData, Patch, PatchState, Ping, Support } from './types.ts';

/**
 * The schemas of the nouns in types.ts, for wherever they are read: from the network, from a patch file, from disk.
 * Unknown fields are ignored, wrong types are refused with the field's name, every string is bounded.
 */

/** Lines and tabs, but nothing that could drive the terminal it is printed on; see text.ts. */
const prose = (length: number) =>
  v.pipe(v.string(), v.maxLength(length), v.check(isProse, 'holds an unprintable character'));
/** One line, so that it cannot forge a second one in a report. */
export const text = (length: number) =>
  v.pipe(v.string(), v.maxLength(length), v.check(isLine, 'holds an unprintable character'));
export const hex = (length: number) =>
  v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${length}}$`), `not ${length} lower-case hex digits`));
export const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
/** Whether the day that an RFC 3339 text begins with exists: Date.parse takes February 30 for March 2. */
export function isOnCalendar(text: string): boolean {
  const day = text.slice(0, 10);
  const time = Date.parse(`${day}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(day);
}
/** RFC 3339, in UTC or with an offset. */
export const Time = v.pipe(
  text(40),
  v.isoTimestamp(),
  v.check((value) => !Number.isNaN(Date.parse(value)) && isOnCalendar(value), 'not a time'),
);
/** RFC 3339, a day alone. */
export const PlainDate = v.pipe(text(10), v.isoDate(), v.check(isOnCalendar, 'not a date'));
/**
 * `121.4`: what a person reads and what notices name; compared number by number. One spelling a version: with `121.4.0`
 * or `0121.4` beside it, what is known by its version could come back under another.
 */
export const Version = v.pipe(
  text(20),
  v.regex(/^(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})$/, 'not a patch version'),
);
export const ArchitectureName = v.picklist(['amd64', 'arm64', 's390x']);
/** `6.8.0-1047.50-aws`, `6.1.0-56-amd64`: it is part of a file name, so it cannot hold a slash. */
export const KernelVersion = v.pipe(text(64), v.regex(/^[0-9][0-9A-Za-z.+~_-]*$/, 'not a kernel version'));

/** What the kernel and tools take as a module's name, short enough for the kernel's own field. */
export const ModuleName = v.pipe(
  v.string(),
  v.regex(new RegExp(`^[A-Za-z0-9_]{1,${LIMITS.patch.moduleNameLength}}$`), 'not a module name'),
);

export const FixList = v.pipe(
  v.array(
    v.object({
      name: text(64),
      description: v.optional(prose(4096), ''),
      bug: v.optional(text(1024), ''),
      patched: v.optional(v.boolean(), true),
    }),
  ),
  v.maxLength(LIMITS.patch.fixes),
);

export const SupportName = v.picklist([
  'supported',
  'kernel-upgrade-required',
  'kernel-end-of-life',
  'unsupported',
  'unknown',
] satisfies Support[]);

export const PatchStateName = v.picklist([
  'unapplied',
  'applying',
  'applied',
  'applied-with-bug',
  'apply-failed',
  'nothing-to-apply',
  'kernel-upgrade-required',
  'unknown',
] satisfies PatchState[]);

/** What a source says may be applied: not yet fetched. */
export const CandidateSchema = v.object({
  version: Version,
  digest: hex(128),
  module: ModuleName,
  cumulative: v.boolean(),
  releasedAt: Time,
  fixes: FixList,
  sha256: hex(64),
  size: v.pipe(count, v.minValue(1), v.maxValue(LIMITS.patch.archiveBytes)),
  phase: v.optional(v.pipe(count, v.maxValue(100))),
}) satisfies v.GenericSchema<unknown, Candidate>;

export const WithdrawnSchema = v.pipe(
  v.array(v.object({ version: Version, digest: hex(128) })),
  v.maxLength(LIMITS.patch.withdrawn),
);
export const RevokedKeysSchema = v.pipe(v.array(hex(64)), v.maxLength(LIMITS.patch.withdrawn));

/** What a source advises; also how the state keeps it. */
export const AdviceSchema = v.object({
  kernel: KernelVersion,
  support: SupportName,
  upgradeRequiredDate: v.optional(PlainDate),
  tier: text(64),
  candidates: v.pipe(v.array(CandidateSchema), v.maxLength(LIMITS.patch.candidates)),
  withdrawn: WithdrawnSchema,
  revokedKeys: RevokedKeysSchema,
  cves: v.optional(hex(64)),
  tag: v.optional(text(64)),
}) satisfies v.GenericSchema<unknown, Advice>;

/** A proven patch, as the state keeps it. */
export const PatchSchema = v.object({
  kernel: KernelVersion,
  version: Version,
  digest: hex(128),
  module: ModuleName,
  buildId: v.optional(text(256)),
  cumulative: v.boolean(),
  releasedAt: Time,
  fixes: FixList,
  sha256: hex(64),
  byHand: v.optional(v.boolean()),
}) satisfies v.GenericSchema<unknown, Patch>;

/** What a server knows of newer kernel packages. */
export const CveDataSchema = v.object({
  timestamp: Time,
  kernelPackageFixes: v.pipe(v.array(text(64)), v.maxLength(LIMITS.network.cves)),
}) satisfies v.GenericSchema<unknown, CveData>;

/** What is told of a patch's health. */
export const PingSchema = v.object({
  event: v.picklist(['before', 'after', 'transition', 'settled', 'error', 'rebooted']),
  version: Version,
  kernel: KernelVersion,
  tier: v.optional(text(64)),
  minutes: v.optional(v.picklist([0, 1, 5, 15])),
  transitionSeconds: v.optional(v.pipe(v.number(), v.finite(), v.minValue(0))),
  of: v.optional(v.picklist(['before', 'after', 'transition', 'settled'])),
  code: v.optional(v.picklist(Object.keys(EXIT_STATUS) as ErrorCode[])),
}) satisfies v.GenericSchema<unknown, Ping>;
