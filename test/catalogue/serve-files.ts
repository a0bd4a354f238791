import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request, and what was answered. */
interface Served {
  path: string;
  status: number;
  /** Of the body. */
  bytes: number;
  authorization?: string | undefined;
}

export interface StaticHost {
  url: URL;
  served: Served[];
  /** What is served; a test may put another in its place. */
  files: Map<string, Buffer>;
  /** Answers in place of a file. */
  overrides: Map<string, (request: IncomingMessage, response: ServerResponse) => void>;
  close(): void;
  /** The Date that it sends; the test's own, if not set. */
  clock?: Date | undefined;
}

/** A static host on loopback with ETag, 304 and Range. */
export async function serveFiles(files: Map<string, Buffer>): Promise<StaticHost> {
  const host: StaticHost = {
    url: new URL('http://127.0.0.1'),
    served: [],
    files,
    overrides: new Map(),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  const server = createServer((request, response) => {
    const path = decodeURIComponent((request.url ?? '').slice(1));
    response.setHeader('date', (host.clock ?? new Date()).toUTCString());
    const log = (status: number, bytes: number) =>
      host.served.push({ path, status, bytes, authorization: request.headers.authorization });
    const override = host.overrides.get(path);
    if (override !== undefined) {
      log(0, 0);
      return override(request, response);
    }
    const bytes = host.files.get(path);
    if (bytes === undefined) {
      log(404, 0);
      return response.writeHead(404).end('not here');
    }
    const etag = `"${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}"`;
    if (request.headers['if-none-match'] === etag) {
      log(304, 0);
      return response.writeHead(304, { etag }).end();
    }
    const [, from] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
    const start = from === undefined ? 0 : Number(from);
    const range = { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` };
    log(from === undefined ? 200 : 206, bytes.length - start);
    return response
      .writeHead(from === undefined ? 200 : 206, { etag, ...(from === undefined ? {} : range) })
      .end(bytes.subarray(start));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host.url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  return host;
}
