import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Got } from 'got';
import * as v from 'valibot';
import { LivepatchError, messageOf } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Secret } from '../secret.ts';
import { ErrorAnswer } from './messages.ts';

export interface Request {
  method: 'GET' | 'POST' | 'DELETE';
  url: URL;
  token?: Secret;
  /** Sent as JSON. */
  body?: unknown;
  /** The whole exchange, milliseconds. */
  timeLimit: number;
}

/** An answer whose body has not been read yet. */
interface Response {
  status: number;
  headers: IncomingHttpHeaders;
  body: Readable;
}

/**
 * Sends a request and waits for the head of its answer.
 * @throws LivepatchError `network` when no answer came.
 */
export async function send(http: Got, request: Request): Promise<Response> {
  const body = http.stream(request.url, {
    method: request.method,
    headers: request.token === undefined ? {} : { authorization: `Bearer ${request.token.reveal()}` },
    ...(request.body === undefined ? {} : { json: request.body }),
    timeout: { request: request.timeLimit },
  });
  // got keeps a request open for a body to be written to it, unless the method cannot have one.
  if (request.body === undefined && request.method !== 'GET') body.end();
  return new Promise((resolve, reject) => {
    body.once('response', ({ statusCode, headers }: { statusCode: number; headers: IncomingHttpHeaders }) =>
      resolve({ status: statusCode, headers, body }),
    );
    body.once('error', (error) => reject(unreachable(request, error)));
  });
}

/**
 * Sends a request and takes its whole answer, which must be JSON of a known form.
 * @returns undefined for 204.
 * @throws LivepatchError `network`, `server-refused` for a 4xx or 5xx, `bad-answer` when it is not what was agreed.
 */
export async function ask<T>(
  http: Got,
  request: Request,
  schema: v.GenericSchema<unknown, T>,
): Promise<{ answer: T | undefined; headers: IncomingHttpHeaders }> {
  const response = await send(http, request);
  const text = await readBounded(request, response.body);
  if (response.status === 204) return { answer: undefined, headers: response.headers };
  if (response.status !== 200) throw refusal(request, response.status, text);
  return { answer: parse(request, text, schema), headers: response.headers };
}

async function readBounded(request: Request, body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      // Leaving the loop destroys the stream, and with it the connection.
      if (size > LIMITS.network.answerBytes) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw unreachable(request, error);
  }
  if (size > LIMITS.network.answerBytes) throw badAnswer(request, 'it is too long');
  return Buffer.concat(chunks).toString('utf8');
}

function parse<T>(request: Request, text: string, schema: v.GenericSchema<unknown, T>): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw badAnswer(request, 'it is not JSON');
  }
  const result = v.safeParse(schema, json);
  if (result.success) return result.output;
  const [issue] = result.issues;
  // Only the field's name is repeated; its value came from the network.
  throw badAnswer(request, `${v.getDotPath(issue) ?? 'its top'} is not as agreed`);
}

function named({ method, url }: Request): string {
  return `${method} request to "${url.href}"`;
}

export function unreachable(request: Request, cause: unknown): LivepatchError {
  return new LivepatchError('network', `${named(request)} failed`, { hint: advise(cause), cause });
}

export function badAnswer(request: Request, reason: string): LivepatchError {
  return new LivepatchError('bad-answer', `${named(request)} got an unusable answer: ${reason}`, {
    hint: 'Is remote-server the address of a Livepatch server that speaks protocol version 1?',
  });
}

/** A server's refusal in its own words, when it has any of the agreed form; never its HTML. */
export function refusal(request: Request, status: number, text: string): LivepatchError {
  const said = serversWords(text);
  const reason = said ?? `the server answered ${status}`;
  return new LivepatchError(
    'server-refused',
    said === undefined ? `${named(request)} failed: ${reason}` : reason,
    {
      hint: HINTS[reason] ?? 'See the log of the server.',
    },
  );
}

const HINTS: Record<string, string> = {
  'Unknown Auth-Token': 'Check the token; it may have been used up or withdrawn.',
  'Invalid Machine Token': "Run 'sudo canonical-livepatch disable', then enable again.",
};

function serversWords(text: string): string | undefined {
  try {
    const { error } = v.parse(ErrorAnswer, JSON.parse(text));
    // Printable ASCII only: bytes from the network must not drive somebody's terminal.
    return error.slice(0, LIMITS.network.errorTextLength).replaceAll(/[^\x20-\x7e]/g, '?');
  } catch {
    return undefined;
  }
}

/** What to look at, by the reason a connection failed. */
function advise(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return 'The name of the server cannot be resolved; check DNS and remote-server.';
  if (code === 'ECONNREFUSED') return 'Nothing answers at that address; check remote-server and firewalls.';
  if (code === 'CERT_HAS_EXPIRED')
    return "The server's TLS certificate has expired; check this machine's clock, too.";
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return "The server's TLS certificate is for another host name.";
  if (/CERT|SIGNATURE|ISSUER/.test(code)) {
    return "The server's TLS certificate is signed by no CA that is trusted here; add the CA to ca-certs.";
  }
  return `${messageOf(cause)
    .replaceAll(/[^\x20-\x7e]/g, '?')
    .slice(0, LIMITS.network.errorTextLength)}.`;
}
