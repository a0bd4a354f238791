import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { checkIn, cves, info, register, remove } from './clients.ts';
import type { Database } from './database.ts';
import { type Call, type Handler, Refusal, type Reply, sendReply } from './http.ts';
import { supported } from './kernels.ts';
import { patchFile } from './patches.ts';
import { ping } from './pings.ts';
import type { ServerCertificate } from './pki.ts';

const ROUTES: { method: string; path: RegExp; handle: Handler }[] = [
  { method: 'POST', path: /^\/v1\/client\/([^/]+)$/, handle: register },
  { method: 'DELETE', path: /^\/v1\/client\/([^/]+)$/, handle: remove },
  { method: 'POST', path: /^\/v1\/client\/([^/]+)\/updates$/, handle: checkIn },
  { method: 'GET', path: /^\/v1\/client\/([^/]+)\/info$/, handle: info },
  { method: 'GET', path: /^\/v1\/client\/([^/]+)\/cves$/, handle: cves },
  { method: 'POST', path: /^\/v1\/pings$/, handle: ping },
  { method: 'GET', path: /^\/v1\/patches\/([^/]+)$/, handle: patchFile },
  { method: 'GET', path: /^\/v1\/api\/kernels\/supported$/, handle: supported },
];

export interface ServerOptions {
  database: Database;
  /** The directory of patch files. */
  files: string;
  /** Plain http without it. */
  tls?: ServerCertificate;
  host?: string;
  /** 0, the default, takes a free one. */
  port?: number;
  /** Called first with every request; true means that it has answered, or broken off, on its own. */
  intercept?: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;
}

/** A request that came in, without anything secret, and how it was answered. */
interface SeenRequest {
  method: string;
  /** As on the request line, with the query. */
  path: string;
  /** 0 until an answer begins. */
  status: number;
}

export interface RunningServer {
  url: string;
  port: number;
  /** In the order of their arrival. */
  requests: SeenRequest[];
  /** Ends every connection; the database stays open. */
  close(): Promise<void>;
}

/** Starts a Livepatch server, ready when this returns. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { tls, host = '127.0.0.1', port = 0, intercept } = options;
  const requests: SeenRequest[] = [];

  async function listener(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const seen = { method: request.method ?? '', path: request.url ?? '', status: 0 };
    requests.push(seen);
    try {
      if (await intercept?.(request, response)) {
        if (response.headersSent) seen.status = response.statusCode;
        return;
      }
      const reply = await answer(request, options);
      seen.status = reply.status;
      await sendReply(response, reply);
    } catch {
      // The peer is gone, or the file ended early: what was begun cannot be made good.
      response.destroy();
    }
  }

  const server = tls
    ? createHttpsServer({ cert: tls.certPem, key: tls.keyPem }, listener)
    : createHttpServer(listener);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;

  return {
    url: `${tls ? 'https' : 'http'}://${host}:${address.port}`,
    port: address.port,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Routes a request to its handler. Whatever goes wrong there pollUntil an answer too, unless the peer broke off. */
async function answer(request: IncomingMessage, { database, files }: ServerOptions): Promise<Reply> {
  try {
    const { handle, call } = route(request);
    return await handle({ ...call, request, database, files });
  } catch (error) {
    if (error instanceof Refusal) return error.reply;
    if (request.errored) throw error;
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
    return { status: 500, body: { error: 'Internal Server Error' } };
  }
}

function route(request: IncomingMessage): { handle: Handler; call: Pick<Call, 'query' | 'segment'> } {
  const url = URL.parse(request.url ?? '', 'http://server');
  for (const { method, path, handle } of ROUTES) {
    const match = path.exec(url?.pathname ?? '');
    if (match && url && request.method === method) {
      return { handle, call: { query: url.searchParams, segment: decode(match[1] ?? '') } };
    }
  }
  throw new Refusal(404, 'Not Found');
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new Refusal(400, 'path: not percent-encoded UTF-8');
  }
}
