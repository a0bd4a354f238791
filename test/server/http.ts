import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as v from 'valibot';
import type { Database, StoredMachine } from './database.ts';

/** The largest request body: a check-in is under 2 KiB. */
const BODY_BYTES = 64 * 1024;

/** One request, routed: `segment` is the decoded last variable part of its path. */
export interface Call {
  request: IncomingMessage;
  query: URLSearchParams;
  segment: string;
  database: Database;
  /** The directory of patch files. */
  files: string;
}

/** What to answer: an object goes as JSON, a stream as it is. */
export interface Reply {
  status: number;
  headers?: Record<string, string>;
  body?: object | Readable;
}

export type Handler = (call: Call) => Reply | Promise<Reply>;

/** Ends a request with `{"error": message}`. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }

  get reply(): Reply {
    // RFC 9110 §15.5.2: a 401 names the scheme that would do.
    const headers: Record<string, string> = this.status === 401 ? { 'www-authenticate': 'Bearer' } : {};
    return { status: this.status, headers, body: { error: this.message } };
  }
}

/** The token of `Authorization: Bearer`, or an empty string, which no token is. */
export function bearerToken({ request }: Call): string {
  return /^Bearer ([\x21-\x7e]+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
}

/** The machine whose token the request carries. */
export function authenticate(call: Call): StoredMachine {
  const machine = call.database.machineWithToken(bearerToken(call));
  if (machine === undefined) throw new Refusal(403, 'Invalid Machine Token');
  return machine;
}

/** The request's body, bounded, parsed and held to `schema`. */
export async function readBody<Schema extends v.GenericSchema>(
  { request }: Call,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Left open when the loop is left: a destroyed request takes the connection, and so the answer, with it.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > BODY_BYTES) throw new Refusal(413, `body: longer than ${BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  return validate(schema, parseJson(Buffer.concat(chunks).toString()));
}

/** `value` as `schema` has it; a 400 that names the first wrong field otherwise. */
export function validate<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  // What was expected, never what was sent: that may be long, or a secret in the wrong place.
  throw new Refusal(
    400,
    `${v.getDotPath(issue) ?? 'body'}: ${issue.message.replace(/ but received .*/s, '')}`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, 'body: not JSON');
  }
}

/** Writes `reply`, and is done when its last byte was handed over or the peer is gone. */
export async function sendReply(
  response: ServerResponse,
  { status, headers = {}, body }: Reply,
): Promise<void> {
  if (body instanceof Readable) {
    response.writeHead(status, headers);
    await pipeline(body, response);
    return;
  }
  // An old answer out of a cache would look like a replayed one.
  response.setHeader('cache-control', 'no-store');
  if (body === undefined) {
    response.writeHead(status, headers).end();
    return;
  }
  const json = JSON.stringify(body);
  response
    .writeHead(status, {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(json)),
      ...headers,
    })
    .end(json);
}
