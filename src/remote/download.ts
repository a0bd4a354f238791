import { createHash } from 'node:crypto';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Got } from 'got';
import { LivepatchError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { Secret } from '../secret.ts';
import type { Offer } from '../types.ts';
import { badAnswer, type Request, refusal, send, unreachable } from './exchange.ts';

/**
 * Fetches a patch file into a sink, hashing it as it streams. What arrives is bounded by the declared size, and
 * ends in an error unless size and SHA-256 are exactly as declared; the caller then throws the sink's file away.
 * @param server the configured server: the token is sent to its origin and to no other.
 * @throws LivepatchError `network`, `server-refused`, `bad-answer`, `digest`
 */
export async function download(
  http: Got,
  server: URL,
  offer: Offer,
  options: { token: Secret; onlyTls: boolean },
  sink: Writable,
): Promise<void> {
  const plain = http.extend({ decompress: false, headers: { 'accept-encoding': 'identity' } });
  let url = new URL(offer.url, server);
  for (let redirects = 0; redirects <= LIMITS.network.redirects; redirects += 1) {
    const request: Request = {
      method: 'GET',
      url: allowed(url, options.onlyTls),
      timeLimit: LIMITS.network.downloadTime,
    };
    if (url.origin === server.origin) request.token = options.token;
    const response = await send(plain, request);
    const { location } = response.headers;
    if (response.status === 200) return take(request, response.body, offer, sink);
    response.body.destroy();
    if (![301, 302, 303, 307, 308].includes(response.status) || location === undefined) {
      throw refusal(request, response.status, '');
    }
    url = next(request, location);
  }
  throw badAnswer({ method: 'GET', url, timeLimit: 0 }, `more than ${LIMITS.network.redirects} redirects`);
}

async function take(
  request: Request,
  body: AsyncIterable<Buffer>,
  offer: Offer,
  sink: Writable,
): Promise<void> {
  const hash = createHash('sha256');
  let size = 0;
  async function* measured(source: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
    for await (const chunk of source) {
      size += chunk.length;
      // Endless data: stop at the first byte beyond what was declared.
      if (size > offer.size) throw differs(request, `is larger than the ${offer.size} bytes declared`);
      hash.update(chunk);
      yield chunk;
    }
  }
  try {
    await pipeline(body, measured, sink);
  } catch (error) {
    throw error instanceof LivepatchError ? error : unreachable(request, error);
  }
  if (size !== offer.size) throw differs(request, `has ${size} bytes instead of the ${offer.size} declared`);
  if (hash.digest('hex') !== offer.sha256) throw differs(request, 'does not have the SHA-256 declared');
}

function differs({ url }: Request, how: string): LivepatchError {
  return new LivepatchError('digest', `the patch file from "${url.origin}${url.pathname}" ${how}`, {
    hint: 'It was damaged on its way or on the server, and was thrown away.',
  });
}

/** @throws LivepatchError `bad-answer` for a scheme that is none of ours, or http where TLS is asked for. */
function allowed(url: URL, onlyTls: boolean): URL {
  const schemes = onlyTls ? ['https:'] : ['https:', 'http:'];
  if (schemes.includes(url.protocol)) return url;
  throw badAnswer({ method: 'GET', url, timeLimit: 0 }, `${url.protocol} is not allowed for a patch file`);
}

function next(request: Request, location: string): URL {
  const target = URL.parse(location, request.url);
  if (target === null) throw badAnswer(request, 'it redirects to no URL');
  // A redirect may move a file, never strip the protection it is fetched under.
  if (request.url.protocol === 'https:' && target.protocol !== 'https:') {
    throw badAnswer(request, 'it redirects from https to http');
  }
  return target;
}
