import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { LivepatchError } from '../../errors.ts';
import { download } from '../download.ts';
import { withRetry } from '../retry.ts';
import { addressOf, type Request, refusal, send, unreachable } from '../server/exchange.ts';
import type { Transport } from '../transport.ts';
import { type FileRequest, type Host, tooLong } from './host.ts';

/**
 * A catalogue on a web server. Sends nothing but GETs, with the token where one is given.
 * @param base ends with a slash.
 * @param onlyTls refuse to fetch patch files otherwise.
 */
export function httpHost(transport: Transport, base: URL, onlyTls: boolean): Host {
  const { deps, dialTimeout } = transport;
  const host: Host = {
    address: addressOf(base),
    get: (request) => withRetry(deps, () => getOnce(request)),
    stream: ({ path, sha256, size }, token) =>
      download(transport, base, { url: at(base, path).href, sha256, size }, { token, onlyTls }),
  };

  async function getOnce({ etag, limit, path, token }: FileRequest): ReturnType<Host['get']> {
    const request: Request = {
      method: 'GET',
      url: at(base, path),
      headers: etag === undefined ? {} : { 'if-none-match': etag },
      ...(token === undefined ? {} : { token }),
      timeLimit: dialTimeout + deps.limits.answerTime,
    };
    const { body, headers, status } = await send(transport, request);
    try {
      host.clock = clockIn(headers) ?? host.clock;
      if (status === 304 && etag !== undefined) return { found: 'unchanged' };
      if (status === 404 || status === 403) return { found: 'missing', denied: status === 403 };
      if (status !== 200) throw refusedBy(request, { headers, status });
      if ((headers['content-encoding'] ?? 'identity') !== 'identity') {
        throw unusable(`${path} came compressed, which was not asked for`);
      }
      return {
        found: 'file',
        bytes: await readBounded(request, body, path, limit),
        etag: settledTag(headers),
      };
    } finally {
      body.destroy();
    }
  }
  return host;
}

/** A redirect is named, because following it is the administrator's decision: the address says whose files these are. */
function refusedBy(
  request: Request,
  response: { headers: IncomingHttpHeaders; status: number },
): LivepatchError {
  const target = URL.parse(response.headers.location ?? '', request.url);
  if (response.status < 300 || response.status >= 400 || target === null)
    return refusal(request, response, Buffer.alloc(0), {
      hint: 'Check remote-server: its host may want a token, or a proxy or the login page of a network answers in its place.',
    });
  return unusable(`"${addressOf(request.url)}" redirects to "${addressOf(target)}"`, {
    hint: 'Set remote-server to the address that it redirects to.',
  });
}

/** Not resolved against the base, which a path like `//elsewhere` would leave. */
function at(base: URL, path: string): URL {
  return new URL(`${base.href}${path}`);
}

async function readBounded(request: Request, body: Readable, path: string, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit) throw unusable(tooLong(path, limit));
      chunks.push(chunk);
    }
  } catch (error) {
    throw unreachable(request, error);
  }
  return Buffer.concat(chunks);
}

/**
 * The tag of a file, unless the file is so new that it may change once more under the same tag: many hosts make it of
 * the second of the last change and the size (RFC 9110 section 8.8.2.2).
 */
function settledTag(headers: IncomingHttpHeaders): string | undefined {
  const age = Date.parse(headers.date ?? '') - Date.parse(headers['last-modified'] ?? '');
  return age < 2000 ? undefined : headers.etag;
}

/** A cache gives the date of when it asked, and how many seconds ago that was (RFC 9111 section 5.1). */
function clockIn({ age = '0', date }: IncomingHttpHeaders): Date | undefined {
  const clock = new Date(Date.parse(date ?? '') + 1000 * Number(age));
  return Number.isNaN(clock.getTime()) ? undefined : clock;
}

function unusable(what: string, options: { hint?: string } = {}): LivepatchError {
  return new LivepatchError('bad-answer', `the catalogue cannot be used: ${what}`, options);
}
