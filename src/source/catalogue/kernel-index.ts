import { isDeepStrictEqual } from 'node:util';
import * as v from 'valibot';
import { LIMITS } from '../../limits.ts';
import {
  ArchitectureName,
  CandidateSchema,
  count,
  FixList,
  hex,
  KernelVersion,
  PlainDate,
  SupportName,
  WithdrawnSchema,
} from '../../schemas.ts';
import type { Architecture, Candidate, Fix, Support, WithdrawnPatch } from '../../types.ts';

/** From the one that every patch goes through to the one that most machines take. */
export const TIERS = ['edge', 'beta', 'candidate', 'stable'] as const;
export type Tier = (typeof TIERS)[number];

/** A patch in a catalogue: what a machine is told of it, and the most careful tier that it has reached. */
export type ListedPatch = Candidate & { tier: Tier };

/** All that a catalogue says of one kernel. */
export interface KernelIndex {
  kernel: string;
  architecture: Architecture;
  support: Support;
  /** Plain date, when the support ends. */
  upgradeRequiredDate?: string | undefined;
  /** The CVE data of this kernel. */
  cves?: { sha256: string; size: number } | undefined;
  /** Newest first. */
  patches: ListedPatch[];
  withdrawn: WithdrawnPatch[];
}

/** The version of the file's form. Another is refused, never guessed at. */
const SCHEMA = 1;

const TierName = v.picklist(TIERS);
/** From this fix up to but not that one, of those at the top of the file. */
const Run = v.tuple([count, count]);
const { fixes: _, ...candidate } = CandidateSchema.entries;

const IndexFile = v.object({
  schema: v.literal(SCHEMA),
  kernel: KernelVersion,
  architecture: ArchitectureName,
  support: SupportName,
  upgradeRequiredDate: v.optional(PlainDate),
  cves: v.optional(
    v.object({
      sha256: hex(64),
      size: v.pipe(count, v.maxValue(LIMITS.network.answerBytes)),
    }),
  ),
  /** Each fix once: a cumulative patch fixes all that the ones before it fix. */
  fixes: v.pipe(v.array(v.unknown()), v.maxLength(LIMITS.network.cves)),
  patches: v.pipe(
    v.array(
      v.object({
        ...candidate,
        tier: TierName,
        fixes: v.pipe(v.array(Run), v.maxLength(LIMITS.patch.fixes)),
      }),
    ),
    v.maxLength(LIMITS.patch.candidates),
  ),
  withdrawn: WithdrawnSchema,
});

/** @throws Error that says what is wrong: a message for a person, without text from the file. */
export function parseIndex(bytes: Uint8Array): KernelIndex {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new Error('it is not JSON in UTF-8');
  }
  const { schema: _, fixes: table, ...index } = parse(IndexFile, json);
  const fixes = table.map((fix) => parse(FixList, [fix])[0] as Fix);
  const patches = index.patches.map((patch) => ({ ...patch, fixes: expand(patch.fixes, fixes) }));
  requireBounded(patches);
  return { ...index, patches };
}

/** The file of an index. @throws Error as `parseIndex`: nothing is written that cannot be read back. */
export function formatIndex(index: KernelIndex): Buffer {
  const table: Fix[] = [];
  const patches = index.patches
    // Oldest first, so that the fixes of a cumulative patch are one run of the table.
    .toReversed()
    .map((patch) => ({ ...patch, fixes: compact(patch.fixes, table) }))
    .toReversed();
  const bytes = Buffer.from(JSON.stringify({ schema: SCHEMA, ...index, fixes: table, patches }));
  if (!isDeepStrictEqual(parseIndex(bytes), JSON.parse(JSON.stringify(index)))) {
    throw new Error('it cannot be written down faithfully');
  }
  return bytes;
}

function expand(runs: v.InferOutput<typeof Run>[], table: Fix[]): Fix[] {
  const fixes: Fix[] = [];
  for (const [from, to] of runs) {
    if (from >= to || to > table.length) throw new Error('patches: fixes: no such fixes');
    fixes.push(...table.slice(from, to));
    if (fixes.length > LIMITS.patch.fixes) throw new Error('patches: fixes: there are too many');
  }
  return fixes;
}

function compact(fixes: Fix[], table: Fix[]): [number, number][] {
  const places = new Map(table.map((fix, place) => [JSON.stringify(fix), place]));
  const runs: [number, number][] = [];
  for (const fix of fixes) {
    const key = JSON.stringify(fix);
    const place = places.get(key) ?? table.push(fix) - 1;
    places.set(key, place);
    const last = runs.at(-1);
    if (last?.[1] === place) last[1] = place + 1;
    else runs.push([place, place + 1]);
  }
  return runs;
}

/**
 * A short file can say much: each of its patches may name all of its fixes. What it comes to is bounded as a server's
 * answer is, because the state has to hold it.
 */
function requireBounded(patches: ListedPatch[]): void {
  const said = patches.flatMap(({ fixes }) => fixes);
  const size = said.reduce(
    (sum, { bug, description, name }) => sum + 60 + `${bug}${description}${name}`.length,
    0,
  );
  if (size > LIMITS.network.answerBytes) throw new Error('patches: there is too much in it');
}

function parse<T>(schema: v.GenericSchema<unknown, T>, value: unknown): T {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new Error(`${v.getDotPath(issue) ?? 'its top'} is not as agreed`);
}

/** Whether a machine of this tier takes it: it has come as far, or farther. */
export function isInTier(patch: Pick<ListedPatch, 'tier'>, tier: Tier): boolean {
  return TIERS.indexOf(patch.tier) >= TIERS.indexOf(tier);
}
