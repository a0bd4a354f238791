import { createHash } from 'node:crypto';
import * as v from 'valibot';
import {
  CheckIn,
  type CheckInAnswer,
  type CvesAnswer,
  type InfoAnswer,
  ISSUED_AT_HEADER,
  type RegisterAnswer,
  RegisterRequest,
  SCHEMA,
  SERIAL_HEADER,
} from '../../src/source/server/messages.ts';
import type { Advice, Architecture } from '../../src/types.ts';
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
 * `POST /v1/client/<machine-id>/updates`: a report comes in, advice goes out. 204 only if there is nothing to do
 * and nothing new to say: the advice is what this machine was told before, it has that answer (or a later one) in
 * hand, and the patch of it, if any, is applied.
 */
export async function checkIn(call: Call): Promise<Reply> {
  const { database } = call;
  const machine = authenticateOwner(call);
  const report = await readBody(call, CheckIn);
  if (report.machineId !== machine.id) throw new Refusal(400, 'machineId: not the one of the path');

  const serial = database.nextSerial();
  const issuedAt = new Date().toISOString();
  const advice = advise(database, machine, report);
  const told = JSON.stringify({ kernel: report.kernel, architecture: report.architecture, ...advice });
  database.recordCheckIn(machine.id, issuedAt, report);

  if (isApplied(advice, report) && hasInHand(machine, told, report)) {
    return { status: 204, headers: { [SERIAL_HEADER]: String(serial), [ISSUED_AT_HEADER]: issuedAt } };
  }
  database.recordTold(machine.id, told, serial);
  return { status: 200, body: { schema: SCHEMA, serial, issuedAt, ...advice } satisfies CheckInAnswer };
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

function advise(database: Database, { tier }: StoredMachine, { kernel, architecture }: CheckIn): Advice {
  const known = database.kernel(kernel, architecture);
  const patch = database.newestPatch(kernel, architecture, tier);
  return {
    support: known?.support ?? 'unsupported',
    upgradeRequiredDate: known?.upgradeRequiredDate ?? undefined,
    tier,
    offer: patch && {
      version: patch.version,
      url: `/v1/patches/${encodeURIComponent(patch.file)}`,
      sha256: patch.sha256,
      size: patch.size,
      releasedAt: patch.releasedAt,
      fixes: patch.fixes,
    },
    blocklist: database.blocklist(kernel, architecture),
    cves: cveData(database, kernel, architecture)?.digest,
  };
}

function isApplied({ offer }: Advice, { patch }: CheckIn): boolean {
  return offer === undefined || (patch?.version === offer.version && patch.state === 'applied');
}

function hasInHand(machine: StoredMachine, told: string, { lastSerial }: CheckIn): boolean {
  return (
    machine.told === told &&
    machine.toldSerial !== null &&
    lastSerial !== undefined &&
    lastSerial >= machine.toldSerial
  );
}
