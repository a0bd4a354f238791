import * as v from 'valibot';
import { LIMITS } from '../../limits.ts';
import { compareVersions } from '../../policy/version.ts';
import {
  AdviceSchema,
  ArchitectureName,
  CandidateSchema,
  CveDataSchema,
  count,
  hex,
  KernelVersion,
  PatchStateName,
  PingSchema,
  SupportName,
  Time,
  text,
  Version,
} from '../../schemas.ts';
import type { Machine } from '../../types.ts';

/**
 * The wire protocol's bodies, one schema each, shared by the client and the reference server: unknown fields are
 * ignored, so that either side may learn first; wrong types are refused with the field's name. Every string is
 * bounded, for all of it comes from the network.
 */

/** The version of every body here. A peer that speaks another is refused, never guessed at. */
export const SCHEMA = 2;

const schema = v.literal(SCHEMA);

/** `POST /v1/client/<machine-id>` with an auth or resource token. */
export const RegisterRequest = v.object({
  schema,
  clientVersion: text(64),
  architecture: ArchitectureName,
  kernel: KernelVersion,
});
export const RegisterAnswer = v.object({ schema, machineToken: hex(32) });

/** `POST /v1/client/<machine-id>/updates`: all that a check-in tells of a machine. */
export const CheckIn = v.object({
  schema,
  clientVersion: text(64),
  machineId: hex(32),
  architecture: ArchitectureName,
  cpuModel: text(256),
  kernel: KernelVersion,
  bootTime: Time,
  uptimeSeconds: count,
  patch: v.optional(
    v.object({
      version: Version,
      state: PatchStateName,
    }),
  ),
  lastCheck: v.optional(Time),
  /** Random for every check-in. An answer that does not repeat it is an answer to something else: a replay. */
  nonce: hex(32),
  /** The tag of the advice that the machine goes by and needs nothing more of; a server may then answer 204. */
  known: v.optional(text(64)),
  cutoffDate: v.boolean(),
  patchDelay: v.boolean(),
});

/** A candidate with the address of its file: absolute, or relative to the server. */
const Offer = v.object({
  ...CandidateSchema.entries,
  url: v.pipe(text(2048), v.minLength(1)),
});

type Offer = v.InferOutput<typeof Offer>;

/** Strictly: one patch under two addresses, or two under one version, would leave open which of them is meant. */
function areNewestFirst(offers: Offer[]): boolean {
  return offers.every((offer, index) => {
    const newer = offers[index - 1];
    return newer === undefined || compareVersions(newer.version, offer.version) > 0;
  });
}

function areDistinct(offers: Offer[]): boolean {
  return (['digest', 'sha256'] as const).every(
    (field) => new Set(offers.map((offer) => offer[field])).size === offers.length,
  );
}

/**
 * A fix may be written in a dozen bytes and is kept in a hundred: without this bound an answer of the allowed size could
 * outgrow what the state file may hold.
 */
function haveFewFixes(offers: Offer[]): boolean {
  return offers.reduce((sum, { fixes }) => sum + fixes.length, 0) <= LIMITS.patch.fixesOfAll;
}

/**
 * 200 of a check-in: every patch that this machine may have, newest first. A 204 says "as you know it" and carries nonce
 * and time in headers of these names.
 */
export const CheckInAnswer = v.object({
  schema,
  nonce: hex(32),
  issuedAt: Time,
  ...v.omit(AdviceSchema, ['kernel', 'candidates']).entries,
  candidates: v.pipe(
    v.array(Offer),
    v.maxLength(LIMITS.patch.candidates),
    v.check(areNewestFirst, 'not newest first'),
    v.check(areDistinct, 'not distinct'),
    v.check(haveFewFixes, 'too many fixes'),
  ),
});
export const NONCE_HEADER = 'livepatch-nonce';
export const ISSUED_AT_HEADER = 'livepatch-issued-at';

/** `GET /v1/client/<machine-id>/info`. */
export const InfoAnswer = v.object({ schema, tier: text(64) });

/** 200 of `GET /v1/client/<machine-id>/cves`; its ETag is the SHA-256 of the body. */
export const CvesAnswer = v.object({ schema, ...CveDataSchema.entries });

/** `POST /v1/pings`: all that is told of a patch's health. No token goes with it, nor anything of the machine's. */
export const PingRequest = v.object({ schema, architecture: ArchitectureName, ...PingSchema.entries });

/** `GET /v1/api/kernels/supported`, upstream's own body. */
export const SupportedAnswer = v.object({ Supported: SupportName });

/** Any 4xx or 5xx. */
export const ErrorAnswer = v.object({ error: text(1024) });

export type CheckIn = v.InferOutput<typeof CheckIn>;
export type CheckInAnswer = v.InferOutput<typeof CheckInAnswer>;

/** What a registration tells of a machine. */
export function registerRequest(
  machine: Machine,
  clientVersion: string,
): v.InferOutput<typeof RegisterRequest> {
  return { schema: SCHEMA, clientVersion, architecture: machine.architecture, kernel: machine.kernel };
}
