import type { Transport } from '../transport.ts';
import { addressOf, head, type Request, refusal } from './exchange.ts';

/** Any path of the protocol that needs no token would do. */
const PROBE = 'v1/api/kernels/supported';

/**
 * Where the API is: at the configured address, with a slash at its end. Of a server that is configured as http, it is
 * asked first, by a request that holds nothing of the machine, whether it redirects to https on the same host; if so,
 * all that follows goes there, and no token was ever sent over http. Nothing is remembered beyond this object, so that
 * a server may become http again; anybody on the path can answer such a probe in the server's place.
 * @returns a function that asks once, and again after a failure. It throws what exchange.ts says.
 */
export function apiBase(transport: Transport, server: URL): () => Promise<URL> {
  const configured = new URL(server);
  if (!configured.pathname.endsWith('/')) configured.pathname += '/';
  if (configured.protocol === 'https:') return async () => configured;
  let found: URL | undefined;
  return async () => {
    found ??= await redirected(transport, configured);
    return found;
  };
}

async function redirected(transport: Transport, configured: URL): Promise<URL> {
  const url = new URL(PROBE, configured);
  const { dialTimeout, deps } = transport;
  const request: Request = { method: 'GET', url, timeLimit: dialTimeout + deps.limits.answerTime };
  const answer = await head(transport, request);
  if (answer.status < 300 || answer.status > 399) return configured;
  const target = URL.parse(answer.headers.location ?? '', url);
  const isOurs =
    target?.protocol === 'https:' && target.hostname === url.hostname && target.pathname === url.pathname;
  // Somebody who redirects to elsewhere is no Livepatch server, and gets no token.
  if (target === null || !isOurs) throw refusal(request, answer, Buffer.alloc(0));
  const base = new URL(configured.pathname, target.origin);
  deps.tell(`remote-server redirects to https; set it to ${addressOf(base)}`);
  return base;
}
