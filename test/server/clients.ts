import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { LIMITS } from '../../src/limits.ts';
import {
  CheckIn,
  type CheckInAnswer,
  type CvesAnswer,
  type InfoAnswer,
  ISSUED_AT_HEADER,
  NONCE_HEADER,
  type RegisterAnswer,
  RegisterRequest,
  SCHEMA,
} from '../../src/source/server/messages.ts';
import type { Architecture } from '../../src/types.ts';
import type { Database, StoredMachine } from './database.ts';
import { authenticate, bearerToken, type Call, Refusal, type Reply, readBody } from './http.ts';

/** `POST /v1/client/<machine-id>`: an auth token pollUntil a machine token. Again, and the one before is void. */
export async function register(call: Call): Promise<Reply> {
  const id = machineId(call);
  const token = bearerToken(call);
  await readBody(call, RegisterRequest);
  const result = call.database.register(id, token);
  if (result === 'unknown') throw new Refusal(401, 'Unknown Auth-Token');
  if (result === 'used-up') throw new Refusal(403, 'Auth-Token is used up');
  return { status: 200, body: { schema: SCHEMA, ...result } satisfies v.InferInput<typeof RegisterAnswer> };
}

/**
 * `POST /v1/client/<machine-id>/updates`: a report comes in, advice goes out. 204 if the machine says that it knows
 * this very advice.
 */
export async function checkIn(call: Call): Promise<Reply> {
  const { database } = call;
  const machine = authenticateOwner(call);
  const report = await readBody(call, CheckIn);
  if (report.machineId !== machine.id) throw new Refusal(400, 'machineId: not the one of the path');

  const { nonce } = report;
  const issuedAt = new Date().toISOString();
  const advice = advise(database, machine, report);
  database.recordCheckIn(machine.id, issuedAt, report);

  if (report.known === advice.tag) {
    return { status: 204, headers: { [NONCE_HEADER]: nonce, [ISSUED_AT_HEADER]: issuedAt } };
  }
  return { status: 200, body: { schema: SCHEMA, nonce, issuedAt, ...advice } satisfies CheckInAnswer };
}

/** `GET /v1/client/<machine-id>/info` */
export function info(call: Call): Reply {
  const { tier } = authenticateOwner(call);
  return { status: 200, body: { schema: SCHEMA, tier } satisfies v.InferInput<typeof InfoAnswer> };
}

/**
 * `GET /v1/client/<machine-id>/cves`: what newer packages of the kernel that the machine reported last would fix,
 * unless the machine has it already (RFC 9110 §13.1.2).
 */
export function cves(call: Call): Reply {
  const { report } = authenticateOwner(call);
  if (report === null) return { status: 204 };
  const { architecture, kernel } = v.parse(CheckIn, JSON.parse(report));
  const data = cveData(call.database, kernel, architecture);
  if (data === undefined) return { status: 204 };
  const etag = `"${data.digest}"`;
  if (call.request.headers['if-none-match'] === etag) return { status: 304, headers: { etag } };
  return { status: 200, headers: { etag }, body: data.body };
}

function cveData(database: Database, kernel: string, architecture: Architecture) {
  const data = database.kernelPackageFixes(kernel, architecture);
  if (data === undefined) return undefined;
  const body = { schema: SCHEMA, ...data } satisfies v.InferInput<typeof CvesAnswer>;
  return { body, digest: createHash('sha256').update(JSON.stringify(body)).digest('hex') };
}

/** `DELETE /v1/client/<machine-id>`: the machine and its token are forgotten. */
export function remove(call: Call): Reply {
  call.database.removeMachine(authenticateOwner(call).id);
  return { status: 204 };
}

function machineId({ segment }: Call): string {
  if (!v.is(CheckIn.entries.machineId, segment)) {
    throw new Refusal(400, 'machine-id: not 32 lower-case hex digits');
  }
  return segment;
}

/** A machine's token opens that machine's resources only. */
function authenticateOwner(call: Call): StoredMachine {
  const id = machineId(call);
  const machine = authenticate(call);
  if (machine.id !== id) throw new Refusal(403, 'Invalid Machine Token');
  return machine;
}

/** All that is to say of a kernel, with a tag that changes with any of it, and with the kernel that it is about. */
function advise(database: Database, { tier }: StoredMachine, { kernel, architecture }: CheckIn) {
  const known = database.kernel(kernel, architecture);
  const advice = {
    support: known?.support ?? 'unsupported',
    upgradeRequiredDate: known?.upgradeRequiredDate ?? undefined,
    tier,
    candidates: database
      .patches(kernel, architecture, tier)
      .slice(0, LIMITS.patch.candidates)
      .map(({ architecture: _, file, kernel: __, tier: ___, ...candidate }) => ({
        ...candidate,
        url: `/v1/patches/${encodeURIComponent(file)}`,
      })),
    withdrawn: database.withdrawn(kernel, architecture),
    revokedKeys: database.revokedKeys(),
    cves: cveData(database, kernel, architecture)?.digest,
  };
  const tag = createHash('sha256').update(JSON.stringify({ kernel, architecture, ...advice }));
  return { ...advice, tag: tag.digest('hex') };
}
