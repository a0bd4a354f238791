import { createHash } from 'node:crypto';
import { LivepatchError } from '../errors.ts';
import { isNear } from '../policy/addresses.ts';
import type { Secret } from '../secret.ts';
import { isNearHost } from './near.ts';
import { pauseOrThrow } from './retry.ts';
import {
  addressOf,
  badAnswer,
  NEAR_REASON,
  type Request,
  type Response,
  refusal,
  send,
  unreachable,
} from './server/exchange.ts';
import type { Transport } from './transport.ts';

/** A file as it was named: its address, absolute or relative to the server's, and what its bytes have to be. */
export interface RemoteFile {
  url: string;
  /** Lower-case hex. */
  sha256: string;
  /** Bytes. */
  size: number;
}

interface DownloadOptions {
  token: Secret | undefined;
  /** Refuse everything but https. */
  onlyTls: boolean;
  /** The address that the server answered from, where that is known. */
  peer?: string | undefined;
}

/** How much of the file has come, and under which tag. */
interface Progress {
  received: number;
  etag: string | undefined;
}

/**
 * Fetches a file: yields its bytes, going on where it broke off, and ends in an error unless size and SHA-256
 * are exactly as declared. What was yielded until then is to be thrown away.
 * @param server the configured server: the token is sent to its origin and to no other.
 * @throws LivepatchError `network`, `server-refused`, `bad-answer`, `digest`
 */
export async function* download(
  transport: Transport,
  server: URL,
  file: RemoteFile,
  options: DownloadOptions,
): AsyncGenerator<Buffer> {
  const { deps } = transport;
  const hash = createHash('sha256');
  const progress: Progress = { received: 0, etag: undefined };
  const began = performance.now();
  let failures = 0;
  while (progress.received < file.size) {
    const before = progress.received;
    try {
      const timeLimit = deps.limits.downloadTime - (performance.now() - began);
      const found = await locate(transport, server, file, options, progress, Math.max(timeLimit, 1));
      for await (const chunk of bytesOf(...found, file, progress)) {
        hash.update(chunk);
        yield chunk;
      }
      break;
    } catch (error) {
      // A host that sends something at each try is slow, not dead; the time limit holds for both.
      failures = progress.received > before ? 1 : failures + 1;
      const elapsed = performance.now() - began;
      if (elapsed >= deps.limits.downloadTime) throw error;
      await pauseOrThrow(error, { failures, elapsed }, deps);
    }
  }
  if (progress.received !== file.size) {
    throw differs(
      addressIn(file, server),
      `has ${progress.received} bytes instead of the ${file.size} declared`,
    );
  }
  if (hash.digest('hex') !== file.sha256)
    throw differs(addressIn(file, server), 'does not have the SHA-256 declared');
}

/** Asks for the rest of the file, and follows redirects to where it is. */
async function locate(
  transport: Transport,
  server: URL,
  file: RemoteFile,
  options: DownloadOptions,
  { received, etag }: Progress,
  timeLimit: number,
): Promise<[Request, Response]> {
  const { redirects } = transport.deps.limits;
  const headers = received === 0 ? {} : { range: `bytes=${received}-`, ...(etag && { 'if-range': etag }) };
  const { token: conceal } = options;
  let request: Request = { method: 'GET', url: addressIn(file, server), conceal, headers, timeLimit };
  for (let followed = 0; followed <= redirects; followed += 1) {
    const isServer = request.url.origin === server.origin;
    const elsewhere = !isServer && !isServerNear(server, options.peer);
    requireAllowed(request, options.onlyTls, elsewhere);
    const response = await send(transport, { ...request, elsewhere, token: isServer ? conceal : undefined });
    if (response.status === 200 || response.status === 206) return [request, response];
    response.body.destroy();
    const { location } = response.headers;
    if (![301, 302, 303, 307, 308].includes(response.status) || location === undefined) {
      throw refusal(request, response, Buffer.alloc(0), {
        hint: 'The patch is listed, but its file cannot be had: tell those who publish your patches.',
      });
    }
    request = { ...request, url: next(request, location) };
  }
  throw badAnswer(request, `more than ${redirects} redirects`);
}

/** What is still missing of the file, bounded by the size declared. */
async function* bytesOf(
  request: Request,
  { status, headers, body }: Response,
  { size }: RemoteFile,
  progress: Progress,
): AsyncGenerator<Buffer> {
  // The whole file once more: what we have of it is skipped, and the digest tells whether it is still the same file.
  let skip = status === 200 ? progress.received : 0;
  if (status === 206 && !isRest(headers['content-range'], progress.received, size)) {
    body.destroy();
    throw badAnswer(request, 'it is another part of the file than was asked for');
  }
  // RFC 9110 section 13.1.5: a weak tag says nothing about bytes.
  if (headers.etag?.startsWith('"')) progress.etag = headers.etag;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      const fresh = chunk.subarray(Math.min(skip, chunk.length));
      skip -= chunk.length - fresh.length;
      progress.received += fresh.length;
      // Endless data: stop at the first byte beyond what was declared.
      if (progress.received > size) throw differs(request.url, `is larger than the ${size} bytes declared`);
      if (fresh.length > 0) yield fresh;
    }
  } catch (error) {
    throw unreachable(request, error);
  }
}

/** RFC 9110 section 14.4: exactly from what we have to the end. */
function isRest(contentRange: string | undefined, received: number, size: number): boolean {
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(contentRange ?? '') ?? [];
  return (
    received > 0 &&
    Number(first) === received &&
    Number(last) === size - 1 &&
    (total === '*' || Number(total) === size)
  );
}

/** @throws LivepatchError `bad-answer` */
function addressIn({ url }: RemoteFile, server: URL): URL {
  const address = URL.parse(url, server);
  if (address !== null) return address;
  throw badAnswer({ method: 'GET', url: server, timeLimit: 0 }, 'it offers a patch file at no URL');
}

function differs(url: URL, how: string): LivepatchError {
  return new LivepatchError('digest', `the patch file from "${addressOf(url)}" ${how}`, {
    hint: 'It was damaged on its way or on the server, and was discarded; the next refresh fetches it again. If it stays so, tell those who publish it.',
  });
}

/**
 * @throws LivepatchError `bad-answer` for a scheme that is none of ours, http where TLS is asked for, or an address
 * that brings a user and password of its own, which would be sent in the token's place.
 * @param elsewhere also for this machine and its link. What stands in an answer is asked for by root, so a server could
 * look at services that trust anybody who reaches them, such as cloud metadata, by what comes of it.
 */
function requireAllowed(request: Request, onlyTls: boolean, elsewhere: boolean): void {
  const { hostname, password, protocol, username } = request.url;
  const schemes = onlyTls ? ['https:'] : ['https:', 'http:'];
  if (!schemes.includes(protocol)) throw badAnswer(request, `${protocol} is not allowed for a patch file`);
  if (elsewhere && isNearHost(hostname)) throw badAnswer(request, NEAR_REASON);
  if (username !== '' || password !== '') throw badAnswer(request, 'the address holds a user or password');
}

/** A server that is near itself may name what is. */
function isServerNear({ hostname }: URL, peer: string | undefined): boolean {
  return isNearHost(hostname) || (peer !== undefined && isNear(peer));
}

function next(request: Request, location: string): URL {
  const target = URL.parse(location, request.url);
  if (target === null) throw badAnswer(request, 'it redirects to no URL');
  // A redirect may move a file, never strip the protection it is fetched under.
  if (request.url.protocol === 'https:' && target.protocol !== 'https:') {
    throw badAnswer(request, `it redirects from https to ${target.protocol.slice(0, -1)}`);
  }
  return target;
}
