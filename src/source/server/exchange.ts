import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import * as v from 'valibot';
import { LivepatchError, messageOf } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { Secret } from '../../secret.ts';
import { printable } from '../../text.ts';
import { lookUpElsewhere, NEAR } from '../near.ts';
import { loginRefused } from '../proxy-login.ts';
import type { Transport } from '../transport.ts';
import { withoutSecret } from '../without-secret.ts';
import { ErrorAnswer, SCHEMA } from './messages.ts';

export interface Request {
  method: 'GET' | 'POST' | 'DELETE';
  url: URL;
  /** Sent with it. */
  token?: Secret | undefined;
  /** Not sent, and not to be shown either should somebody repeat it. */
  conceal?: Secret | undefined;
  headers?: Record<string, string>;
  /** Sent as JSON. */
  body?: unknown;
  /** To nowhere near this machine; see near.ts. What a proxy finds under a name is the proxy's matter. */
  elsewhere?: boolean;
  /** The whole exchange, milliseconds. */
  timeLimit: number;
}

/** An answer whose body has not been read yet. */
export interface Response {
  status: number;
  headers: IncomingHttpHeaders;
  body: Readable;
  /** The address that answered; undefined behind a proxy. */
  peer: string | undefined;
}

type Head = Pick<Response, 'status' | 'headers'>;

/**
 * Sends a request and waits for the head of its answer.
 * @throws LivepatchError `network` when no answer came, `bad-answer` when what came is not HTTP.
 */
export async function send({ http, agentsFor }: Transport, request: Request): Promise<Response> {
  const { isProxied, ...agent } = await agentsFor(request.url);
  const body = http.stream(request.url, {
    method: request.method,
    headers: {
      ...request.headers,
      ...(request.token === undefined ? {} : { authorization: `Bearer ${request.token.reveal()}` }),
    },
    ...(request.body === undefined ? {} : { json: request.body }),
    agent,
    ...(request.elsewhere === true ? { dnsLookup: lookUpElsewhere } : {}),
    timeout: { request: request.timeLimit },
  });
  // got keeps a request open for a body to be written to it, unless the method cannot have one.
  if (request.body === undefined && request.method !== 'GET') body.end();
  return new Promise((resolve, reject) => {
    body.once('response', (response: IncomingMessage) => {
      // got leaves one that has arrived and was not read to us: its connection would keep the process from ending.
      body.once('close', () => response.destroy());
      const peer = isProxied ? undefined : response.socket.remoteAddress;
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body, peer });
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
): Promise<{ answer: T | undefined; headers: IncomingHttpHeaders; peer: string | undefined }> {
  const { text, ...response } = await exchange(transport, request, [200, 204]);
  return { ...response, answer: response.status === 204 ? undefined : parse(request, text, schema) };
}

/** Sends a request and takes no more of its answer than the head. */
export async function head(transport: Transport, request: Request): Promise<Head> {
  const { body, ...response } = await send(transport, request);
  body.destroy();
  return response;
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
): Promise<Omit<Response, 'body'> & { text: string }> {
  const { body, ...response } = await send(transport, request);
  const bytes = await readBounded(request, body, transport.deps.limits.answerBytes);
  if (!expected.includes(response.status)) throw refusal(request, response, bytes);
  const { 'content-encoding': encoding = 'identity' } = response.headers;
  if (encoding !== 'identity' && bytes.length > 0)
    throw badAnswer(request, 'it is compressed, which was not asked for');
  const text = decode(bytes);
  if (text === undefined) throw badAnswer(request, 'it is not UTF-8');
  return { ...response, text };
}

/**
 * @returns undefined for what is not UTF-8. A decoder that mends it makes three bytes of one, so that an answer of the
 * allowed size could outgrow what may be kept of it.
 */
function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

async function readBounded(request: Request, body: Readable, limit: number): Promise<Buffer> {
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
  return Buffer.concat(chunks);
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

/** Without user, password, query and fragment: a file host's address may hold what opens it. */
export function addressOf(url: URL, token?: Secret): string {
  const address = `${url.protocol}//${url.host}${url.pathname}`;
  return printable(
    token === undefined ? address : withoutSecret(address, token),
    LIMITS.network.errorTextLength,
  );
}

function named({ conceal, method, token = conceal, url }: Request): string {
  return `${method} request to "${addressOf(url, token)}"`;
}

/** A failure of the connection. What broke is told apart from who spoke something else than HTTP. */
export function unreachable(request: Request, error: unknown): LivepatchError {
  if (error instanceof LivepatchError) return error;
  const code = codeOf(error);
  if (code.startsWith('HPE_')) {
    return badAnswer(request, code === 'HPE_HEADER_OVERFLOW' ? 'its header is too long' : 'it is not HTTP');
  }
  if (code === NEAR) return badAnswer(request, NEAR_REASON);
  const reason = shown(request, messageOf(error));
  // got's own error holds the request, and so the token; what is passed on is its words alone.
  const cause = Object.assign(new Error(reason), { code });
  return new LivepatchError('network', `${named(request)} failed`, { hint: advise(code, reason), cause });
}

/** Of an address that a server may not name. */
export const NEAR_REASON = 'the address is that of this machine or its link';

export function badAnswer(
  request: Request,
  reason: string,
  {
    hint = `Is remote-server the address of a Livepatch server that speaks protocol version ${SCHEMA}? A proxy, or the login page of a network, may have answered in its place.`,
  } = {},
): LivepatchError {
  return new LivepatchError(
    'bad-answer',
    `${named(request)} got an unusable answer: ${printable(reason, LIMITS.network.errorTextLength)}`,
    { hint },
  );
}

/** A server's refusal in its own words, when it has any of the agreed form; never its HTML. */
export function refusal(
  request: Request,
  { status, headers }: Head,
  body: Buffer,
  { hint = NOT_A_SERVER } = {},
): LivepatchError {
  // Only a proxy on the way says so (RFC 9110 section 15.5.8).
  if (status === 407) {
    return unreachable(request, loginRefused(status, headers['proxy-authenticate']));
  }
  const said = status >= 400 ? serversWords(request, body) : undefined;
  const reason = said ?? `the server answered ${status}`;
  return new LivepatchError(
    'server-refused',
    said === undefined ? `${named(request)} failed: ${reason}` : reason,
    {
      hint: HINTS.get(reason) ?? hintFor(status, said === undefined ? hint : UNWILLING),
      refusal: {
        status,
        // A proxy's page has no such words, whatever its status.
        denied: said !== undefined && DENIALS.includes(status),
        retryAfter: headers['retry-after'],
      },
    },
  );
}

/** Unauthorized, Forbidden. */
const DENIALS = [401, 403];

/** A map, because the key is the server's choice: an object has more properties than its own. */
const HINTS = new Map([
  ['Unknown Auth-Token', 'Check the token; it may have been used up or withdrawn.'],
  ['Invalid Machine Token', "Run 'sudo canonical-livepatch disable', then enable again."],
]);

const NOT_A_SERVER =
  'No Livepatch server answers so: check remote-server, and whether a proxy or the login page of a network answers in its place.';
const UNWILLING =
  "The server does not take this request: its log says more. 'sudo canonical-livepatch doctor' looks at this machine.";

/** @param otherwise where the status does not speak for itself. */
function hintFor(status: number, otherwise: string): string {
  if (status === 429 || status === 503) return 'The server is busy; the next refresh tries again.';
  if (status >= 500) {
    return 'The server, or a proxy in front of it, failed: its log says why. The next refresh tries again.';
  }
  return otherwise;
}

function serversWords(request: Request, body: Buffer): string | undefined {
  try {
    const { error } = v.parse(ErrorAnswer, JSON.parse(decode(body) ?? ''));
    return shown(request, error);
  } catch {
    return undefined;
  }
}

/** Text of others as a person may see it: without the token first, for what is cut would no longer be found. */
function shown({ conceal, token = conceal }: Request, text: string): string {
  return printable(token === undefined ? text : withoutSecret(text, token), LIMITS.network.errorTextLength);
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
    'The connection broke off; if it does so again, check proxies and firewalls.',
  ],
  [/^(ENETUNREACH|EHOSTUNREACH|ENETDOWN)$/, 'There is no route to that address; check the network.'],
  [/^ETIMEDOUT$/, 'There was no answer in time; check remote-server, proxies and firewalls.'],
  [/^EPROXYAUTH$/, 'The proxy wants another user or password; set them in http-proxy or https-proxy.'],
  [
    /^(CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/,
    "The server's TLS certificate is not valid now; check this machine's clock, too.",
  ],
  [/^INVALID_PURPOSE$/, "The server's TLS certificate is not one for a server."],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    "The server's TLS certificate is for another host name; check remote-server, and whether the network wants a login first.",
  ],
  [
    /CERT|SIGNATURE|ISSUER/,
    "The server's TLS certificate is signed by no CA that is trusted here; add the CA to ca-certs.",
  ],
  [/^(ERR_SSL_|EPROTO)/, 'The peer speaks no TLS 1.2 or newer at that address.'],
];

function advise(code: string, reason: string): string {
  return ADVICE.find(([pattern]) => pattern.test(code))?.[1] ?? `${reason}.`;
}
