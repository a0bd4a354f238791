import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import * as v from 'valibot';
import { LivepatchError, messageOf } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { Secret } from '../../secret.ts';
import type { Refused } from '../retry.ts';
import type { Transport } from '../transport.ts';
import { ErrorAnswer } from './messages.ts';

export interface Request {
  method: 'GET' | 'POST' | 'DELETE';
  url: URL;
  token?: Secret;
  headers?: Record<string, string>;
  /** Sent as JSON. */
  body?: unknown;
  /** The whole exchange, milliseconds. */
  timeLimit: number;
}

/** An answer whose body has not been read yet. */
export interface Response {
  status: number;
  headers: IncomingHttpHeaders;
  body: Readable;
}

/**
 * Sends a request and waits for the head of its answer.
 * @throws LivepatchError `network` when no answer came, `bad-answer` when what came is not HTTP.
 */
export async function send({ http, agentsFor }: Transport, request: Request): Promise<Response> {
  const agent = await agentsFor(request.url);
  const body = http.stream(request.url, {
    method: request.method,
    headers: {
      ...request.headers,
      ...(request.token === undefined ? {} : { authorization: `Bearer ${request.token.reveal()}` }),
    },
    ...(request.body === undefined ? {} : { json: request.body }),
    ...(agent === undefined ? {} : { agent }),
    timeout: { request: request.timeLimit },
  });
  // got keeps a request open for a body to be written to it, unless the method cannot have one.
  if (request.body === undefined && request.method !== 'GET') body.end();
  return new Promise((resolve, reject) => {
    body.once('response', (response: IncomingMessage) => {
      // got leaves one that has arrived and was not read to us: its connection would keep the process from ending.
      body.once('close', () => response.destroy());
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
    });
    body.once('error', (error) => reject(unreachable(request, error)));
  });
}

/**
 * Sends a request and takes its whole answer, which must be JSON of a known form.
 * @returns undefined for 204.
 * @throws LivepatchError as `exchange` says.
 */
export async function ask<T>(
  transport: Transport,
  request: Request,
  schema: v.GenericSchema<unknown, T>,
): Promise<{ answer: T | undefined; headers: IncomingHttpHeaders }> {
  const { status, headers, text } = await exchange(transport, request, [200, 204]);
  return { answer: status === 204 ? undefined : parse(request, text, schema), headers };
}

/**
 * Sends a request and takes its whole answer, unread.
 * @param expected every status that is no refusal.
 * @throws LivepatchError `network`, `server-refused` for another status, `bad-answer` when it is not what was agreed.
 */
export async function exchange(
  transport: Transport,
  request: Request,
  expected: number[],
): Promise<{ status: number; headers: IncomingHttpHeaders; text: string }> {
  const { status, headers, body } = await send(transport, request);
  const text = await readBounded(request, body, transport.deps.limits.answerBytes);
  if (!expected.includes(status)) throw refusal(request, { status, headers }, text);
  const { 'content-encoding': encoding = 'identity' } = headers;
  if (encoding !== 'identity' && text !== '')
    throw badAnswer(request, 'it is compressed, which was not asked for');
  return { status, headers, text };
}

async function readBounded(request: Request, body: Readable, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      // Leaving the loop destroys the stream, and with it the connection.
      if (size > limit) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw unreachable(request, error);
  }
  if (size > limit) throw badAnswer(request, 'it is too long');
  return Buffer.concat(chunks).toString('utf8');
}

/** The JSON of an answer. @throws LivepatchError `bad-answer` naming the field that is not as agreed. */
export function parse<T>(request: Request, text: string, schema: v.GenericSchema<unknown, T>): T {
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

/** Without user, password and query: a file host's address may hold what opens it. */
export function addressOf({ host, pathname, protocol }: URL): string {
  const address = `${protocol}//${host}${pathname}`;
  const longest = LIMITS.network.errorTextLength;
  return address.length > longest ? `${address.slice(0, longest)}…` : address;
}

function named({ method, url }: Request): string {
  return `${method} request to "${addressOf(url)}"`;
}

/** A failure of the connection. What broke is told apart from who spoke something else than HTTP. */
export function unreachable(request: Request, error: unknown): LivepatchError {
  if (error instanceof LivepatchError) return error;
  const code = codeOf(error);
  if (code.startsWith('HPE_')) {
    return badAnswer(request, code === 'HPE_HEADER_OVERFLOW' ? 'its header is too long' : 'it is not HTTP');
  }
  const reason = printable(messageOf(error));
  // got's own error holds the request, and so the token; what is passed on is its words alone.
  const cause = Object.assign(new Error(reason), { code });
  return new LivepatchError('network', `${named(request)} failed`, { hint: advise(code, reason), cause });
}

export function badAnswer(request: Request, reason: string): LivepatchError {
  return new LivepatchError('bad-answer', `${named(request)} got an unusable answer: ${reason}`, {
    hint: 'Is remote-server the address of a Livepatch server that speaks protocol version 1?',
  });
}

/** A server's refusal in its own words, when it has any of the agreed form; never its HTML. */
export function refusal(
  request: Request,
  { status, headers }: Pick<Response, 'status' | 'headers'>,
  text: string,
): LivepatchError {
  // Only a proxy on the way says so (RFC 9110 section 15.5.8).
  if (status === 407) {
    return unreachable(request, Object.assign(new Error('the proxy answered 407'), { code: 'EPROXYAUTH' }));
  }
  const said = status >= 400 ? withoutToken(request, serversWords(text)) : undefined;
  const reason = said ?? `the server answered ${status}`;
  return new LivepatchError(
    'server-refused',
    said === undefined ? `${named(request)} failed: ${reason}` : reason,
    {
      hint: HINTS[reason] ?? 'See the log of the server.',
      cause: {
        status,
        // A proxy's page has no such words, whatever its status.
        denied: said !== undefined && DENIALS.includes(status),
        retryAfter: headers['retry-after'],
      } satisfies Refused,
    },
  );
}

/** Unauthorized, Forbidden. */
const DENIALS = [401, 403];

const HINTS: Record<string, string> = {
  'Unknown Auth-Token': 'Check the token; it may have been used up or withdrawn.',
  'Invalid Machine Token': "Run 'sudo canonical-livepatch disable', then enable again.",
};

/** A server that repeats what it was sent must not have us print it. */
function withoutToken({ token }: Request, text: string | undefined): string | undefined {
  return token === undefined ? text : text?.replaceAll(token.reveal(), token.toString());
}

function serversWords(text: string): string | undefined {
  try {
    return printable(v.parse(ErrorAnswer, JSON.parse(text)).error);
  } catch {
    return undefined;
  }
}

/** Printable ASCII only: bytes from the network must not drive somebody's terminal. */
function printable(text: string): string {
  return text.slice(0, LIMITS.network.errorTextLength).replaceAll(/[^\x20-\x7e]/g, '?');
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** What to look at, by the reason a connection failed: the first pattern that fits. */
const ADVICE: [code: RegExp, hint: string][] = [
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'The name of the server cannot be resolved; check DNS and remote-server.'],
  [/^ECONNREFUSED$/, 'Nothing answers at that address; check remote-server, proxies and firewalls.'],
  [
    /^(ECONNRESET|EPIPE|ERR_STREAM_PREMATURE_CLOSE|ERR_HTTP_CONTENT_LENGTH_MISMATCH)$/,
    'The connection broke off.',
  ],
  [/^ETIMEDOUT$/, 'There was no answer in time; check remote-server, proxies and firewalls.'],
  [/^EPROXYAUTH$/, 'The proxy wants another user or password; set them in http-proxy or https-proxy.'],
  [
    /^(CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/,
    "The server's TLS certificate is not valid now; check this machine's clock, too.",
  ],
  [/^INVALID_PURPOSE$/, "The server's TLS certificate is not one for a server."],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, "The server's TLS certificate is for another host name."],
  [
    /CERT|SIGNATURE|ISSUER/,
    "The server's TLS certificate is signed by no CA that is trusted here; add the CA to ca-certs.",
  ],
  [/^(ERR_SSL_|EPROTO)/, 'The peer speaks no TLS 1.2 or newer at that address.'],
];

function advise(code: string, reason: string): string {
  return ADVICE.find(([pattern]) => pattern.test(code))?.[1] ?? `${reason}.`;
}
