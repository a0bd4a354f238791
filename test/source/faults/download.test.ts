import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { LIMITS } from '../../../src/limits.ts';
import { startServer } from '../../server/server.ts';
import type { Handler } from '../scene.ts';
import { advice, CANDIDATE } from './answers.ts';
import { type FaultySite, startFaultySite } from './faulty.ts';
import { pour, startRawServer } from './raw-server.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

const NAME = 'livepatch-6.1.0-56-amd64-121.1-amd64.tar.gz';
const PATCHES = /^\/v1\/patches\//;

let site: FaultySite;
let file: Buffer;
beforeEach(async () => {
  site = await startFaultySite();
  file = readFileSync(join(site.files, NAME));
});

const answer =
  (status: number, body: string | Buffer = '', headers: Record<string, string> = {}): Handler =>
  (_request, response) =>
    void response.writeHead(status, headers).end(body);
const redirect = (location: string): Handler => answer(302, '', { location });

/** The file up to byte `end`, and then no more; a later request is answered by `then`. */
function breaksAt(end: number, then: Handler, headers: () => Record<string, string> = () => ({})): Handler {
  let broken = false;
  return (request, response) => {
    if (broken) return then(request, response);
    broken = true;
    response.writeHead(200, { 'content-length': String(file.length), ...headers() });
    response.write(file.subarray(0, end), () => response.destroy());
  };
}
/** All of the file, whichever part was asked for. */
const whole: Handler = (_, response) => void response.writeHead(200).end(file);
const part =
  (contentRange: (size: number) => string | undefined, bytes = () => file.subarray(100)): Handler =>
  (_, response) => {
    const range = contentRange(file.length);
    response.writeHead(206, range === undefined ? {} : { 'content-range': range }).end(bytes());
  };

const WRONG_PART = 'got an unusable answer: it is another part of the file than was asked for';

type Failure = [name: string, handler: () => Handler, rest: string, code: string, exitStatus: number];

/** What each answer to the request for the file comes to: the end of the message, after the request's name. */
const FAILURES: Failure[] = [
  [
    '404',
    () => answer(404, '{"error":"Not Found"}'),
    'failed: the server answered 404',
    'server-refused',
    76,
  ],
  [
    '403',
    () => answer(403, '{"error":"Invalid Machine Token"}'),
    'failed: the server answered 403',
    'server-refused',
    76,
  ],
  ['500', () => answer(500), 'failed: the server answered 500', 'server-refused', 76],
  ['503', () => answer(503), 'failed: the server answered 503', 'server-refused', 76],
  ['204', () => answer(204), 'failed: the server answered 204', 'server-refused', 76],
  ['304', () => answer(304), 'failed: the server answered 304', 'server-refused', 76],
  [
    '416',
    () => answer(416, '', { 'content-range': 'bytes */9' }),
    'failed: the server answered 416',
    'server-refused',
    76,
  ],
  ['a redirect to nowhere', () => answer(302), 'failed: the server answered 302', 'server-refused', 76],
  ['300', () => answer(300, '', { location: '/x' }), 'failed: the server answered 300', 'server-refused', 76],
  [
    'a redirect in a circle',
    () => redirect(`/v1/patches/${NAME}`),
    'got an unusable answer: more than 3 redirects',
    'bad-answer',
    76,
  ],
  [
    'a redirect to http',
    () => redirect('http://127.0.0.1/x'),
    'got an unusable answer: it redirects from https to http',
    'bad-answer',
    76,
  ],
  [
    'a redirect to a file',
    () => redirect('file:///etc/shadow'),
    'got an unusable answer: it redirects from https to file',
    'bad-answer',
    76,
  ],
  [
    'a redirect to data',
    () => redirect('data:,x'),
    'got an unusable answer: it redirects from https to data',
    'bad-answer',
    76,
  ],
  [
    'a redirect to no address',
    () => redirect('https://['),
    'got an unusable answer: it redirects to no URL',
    'bad-answer',
    76,
  ],
  [
    'the second part, which was not asked for',
    () => part((size) => `bytes 100-${size - 1}/${size}`),
    WRONG_PART,
    'bad-answer',
    76,
  ],
  ['a part, without saying which', () => part(() => undefined), WRONG_PART, 'bad-answer', 76],
  ['silence', () => () => {}, 'failed', 'network', 69],
  ['a broken connection', () => (_, response) => void response.destroy(), 'failed', 'network', 69],
  [
    'half the file, again and again',
    () => (_, response) =>
      void response
        .writeHead(200, { 'content-length': file.length })
        .write(file.subarray(0, 100), () => response.destroy()),
    'failed',
    'network',
    69,
  ],
  [
    'half the file, and then silence',
    () => (_, response) =>
      void response.writeHead(200, { 'content-length': file.length }).write(file.subarray(0, 100)),
    'failed',
    'network',
    69,
  ],
  [
    'a byte now and then',
    () => (_, response) => pour(response.writeHead(200), 'x', 100),
    'failed',
    'network',
    69,
  ],
  [
    'the rest from another place',
    () =>
      breaksAt(
        100,
        part((size) => `bytes 99-${size - 1}/${size}`),
      ),
    WRONG_PART,
    'bad-answer',
    76,
  ],
  [
    'the rest of another file',
    () =>
      breaksAt(
        100,
        part((size) => `bytes 100-${size}/${size + 1}`),
      ),
    WRONG_PART,
    'bad-answer',
    76,
  ],
  [
    'less than the rest',
    () =>
      breaksAt(
        100,
        part((size) => `bytes 100-200/${size}`),
      ),
    WRONG_PART,
    'bad-answer',
    76,
  ],
  [
    'the rest in another unit',
    () =>
      breaksAt(
        100,
        part((size) => `lines 100-${size - 1}/${size}`),
      ),
    WRONG_PART,
    'bad-answer',
    76,
  ],
  [
    'the rest, without saying so',
    () =>
      breaksAt(
        100,
        part(() => undefined),
      ),
    WRONG_PART,
    'bad-answer',
    76,
  ],
  [
    'several parts at once',
    () => breaksAt(100, answer(206, 'x', { 'content-type': 'multipart/byteranges; boundary=x' })),
    WRONG_PART,
    'bad-answer',
    76,
  ],
  ['no rest', () => breaksAt(100, answer(416)), 'failed: the server answered 416', 'server-refused', 76],
];

/** What arrives complete but is not the file: the end of the message, after the address. */
const OTHER_FILES: [name: string, handler: () => Handler, rest: (size: number) => string][] = [
  ['nothing', () => answer(200), (size) => `has 0 bytes instead of the ${size} declared`],
  ['a page in HTML', () => answer(200, '<html>'), (size) => `has 6 bytes instead of the ${size} declared`],
  [
    'a file that lacks a byte',
    () => answer(200, file.subarray(1)),
    (size) => `has ${size - 1} bytes instead of the ${size} declared`,
  ],
  [
    'a file with a byte too many',
    () => answer(200, Buffer.concat([file, Buffer.alloc(1)])),
    (size) => `is larger than the ${size} bytes declared`,
  ],
  [
    'a file without end',
    () => (_, response) => pour(response.writeHead(200), Buffer.alloc(65_536)),
    (size) => `is larger than the ${size} bytes declared`,
  ],
  [
    'a file of the same size',
    () => answer(200, Buffer.alloc(file.length)),
    () => 'does not have the SHA-256 declared',
  ],
  [
    'the file, packed once more',
    () => answer(200, gzipSync(file), { 'content-encoding': 'gzip' }),
    (size) => `is larger than the ${size} bytes declared`,
  ],
  [
    'a gzip bomb',
    () => answer(200, gzipSync(Buffer.alloc(2 ** 26)), { 'content-encoding': 'gzip' }),
    (size) => `is larger than the ${size} bytes declared`,
  ],
  [
    'the rest of a file that changed meanwhile',
    () =>
      breaksAt(
        100,
        part(
          (size) => `bytes 100-${size - 1}/${size}`,
          () => Buffer.alloc(file.length - 100),
        ),
      ),
    () => 'does not have the SHA-256 declared',
  ],
  [
    'another file on the second try',
    () => breaksAt(100, answer(200, Buffer.alloc(9999))),
    (size) => `is larger than the ${size} bytes declared`,
  ],
];

describe('a download that is answered by', () => {
  const address = () => `${site.server.url}/v1/patches/${NAME}`;

  it.each(FAILURES)('%s', async (_name, handler, rest, code, exitStatus) => {
    site.misbehave(PATCHES, handler());
    const error = await site.failingRun();
    expect(error.message).toBe(`GET request to "${address()}" ${rest}`);
    expect(error).toMatchObject({ code, exitStatus });
    await site.goodRun();
  });

  it.each(OTHER_FILES)('%s', async (_name, handler, rest) => {
    site.misbehave(PATCHES, handler());
    const error = await site.failingRun();
    expect(error.message).toBe(`the patch file from "${address()}" ${rest(file.length)}`);
    expect(error).toMatchObject({ code: 'digest', exitStatus: 65 });
    await site.goodRun();
  });

  it.each([
    ['404', answer(404, '{"error":"Not Found"}')],
    ['a redirect in a circle', answer(302, 'Moved', { location: `/v1/patches/${NAME}` })],
  ])('%s with a body, which leaves no connection to keep the process from ending', async (_name, handler) => {
    const sockets = new Set<Socket>();
    site.misbehave(PATCHES, (request, response) => {
      sockets.add(request.socket);
      return handler(request, response);
    });
    await site.failingRun();
    // Well before the server's own patience with an idle connection ends, after 5 seconds.
    await vi.waitFor(() => expect([...sockets].map(({ destroyed }) => destroyed)).not.toContain(false), 2000);
    expect(sockets.size).toBeGreaterThan(0);
  });

  it('a redirect with a user and password of its own', async () => {
    site.misbehave(PATCHES, redirect('https://user:opensesame@127.0.0.1:1/file?key=opensesame'));
    const error = await site.failingRun();
    expect(error.message).toBe(
      'GET request to "https://127.0.0.1:1/file" got an unusable answer: the address holds a user or password',
    );
  });

  it('a redirect to an address of kilobytes', async () => {
    site.misbehave(PATCHES, redirect(`https://127.0.0.1:1/${'x'.repeat(5000)}`));
    expect((await site.failingRun()).message.length).toBeLessThan(250);
  });
});

describe('a candidate', () => {
  const UPDATES = /\/updates$/;

  /** The true advice, but for the address of the patch file. */
  const naming = (url: string): Handler => {
    const sha256 = createHash('sha256').update(file).digest('hex');
    const candidate = { ...CANDIDATE, url, sha256, size: file.length };
    return advice({ candidates: [candidate] });
  };

  it.each([
    [
      'file:///etc/shadow',
      'GET request to "file:///etc/shadow" got an unusable answer: file: is not allowed for a patch file',
    ],
    [
      'ftp://127.0.0.1/x',
      'GET request to "ftp://127.0.0.1/x" got an unusable answer: ftp: is not allowed for a patch file',
    ],
    [
      'https://a:b@127.0.0.1/x',
      'GET request to "https://127.0.0.1/x" got an unusable answer: the address holds a user or password',
    ],
  ])('of a file at %s is refused', async (url, message) => {
    site.misbehave(UPDATES, naming(url));
    const error = await site.failingRun();
    expect(error).toMatchObject({ code: 'bad-answer', message });
  });

  it('of a file at no address is refused', async () => {
    site.misbehave(UPDATES, naming('https://['));
    expect((await site.failingRun()).message).toBe(
      `GET request to "${site.server.url}/" got an unusable answer: it offers a patch file at no URL`,
    );
  });

  it('of a file over http is taken, without the token, unless tls-patch-download forbids it', async () => {
    const authorizations: (string | undefined)[] = [];
    const host = await fileHost((request, response) => {
      authorizations.push(request.headers.authorization);
      response.end(file);
    });
    site.misbehave(UPDATES, naming(`${host}/file`));
    site.config.tlsPatchDownload = true;
    expect((await site.failingRun()).message).toBe(
      `GET request to "${host}/file" got an unusable answer: http: is not allowed for a patch file`,
    );
    expect(authorizations).toEqual([]);
    site.config.tlsPatchDownload = false;
    expect(await site.run()).toEqual(file);
    expect(authorizations).toEqual([undefined]);
  });
});

describe('a download goes on', () => {
  it('where it broke off, again and again', async () => {
    const ranges: (string | undefined)[] = [];
    const quarter = Math.ceil(file.length / 4);
    const etag = '"one"';
    site.misbehave(PATCHES, (request, response) => {
      ranges.push(request.headers.range);
      const from = Number(/\d+/.exec(request.headers.range ?? '0')?.[0]);
      if (from > 0) expect(request.headers['if-range']).toBe(etag);
      const status = from > 0 ? 206 : 200;
      response.writeHead(status, {
        etag,
        'content-length': file.length - from,
        ...(from > 0 && { 'content-range': `bytes ${from}-${file.length - 1}/${file.length}` }),
      });
      const end = from + quarter;
      response.write(file.subarray(from, end), () =>
        end < file.length ? response.destroy() : response.end(),
      );
    });
    expect(await site.run()).toEqual(file);
    expect(ranges).toEqual([undefined, ...[1, 2, 3].map((times) => `bytes=${times * quarter}-`)]);
  });

  it('with the whole file from a server that knows no ranges', async () => {
    site.misbehave(PATCHES, breaksAt(100, whole));
    expect(await site.run()).toEqual(file);
  });

  it('without If-Range where the tag is a weak one', async () => {
    let headers: IncomingMessage['headers'] = {};
    const rest: Handler = (request, response) => {
      headers = request.headers;
      return part((size) => `bytes 100-${size - 1}/*`)(request, response);
    };
    site.misbehave(
      PATCHES,
      breaksAt(100, rest, () => ({ etag: 'W/"weak"' })),
    );
    expect(await site.run()).toEqual(file);
    expect(headers).toMatchObject({ range: 'bytes=100-' });
    expect(headers).not.toHaveProperty('if-range');
  });

  it('after the pause that a busy server asks for', async () => {
    const pauses: number[] = [];
    site.network.pause = async (milliseconds) => void pauses.push(milliseconds);
    site.network.random = () => 0;
    site.network.uptime = () => 3_600_000;
    let busy = 2;
    site.misbehave(PATCHES, (request, response) => {
      busy -= 1;
      return busy < 0 ? whole(request, response) : answer(503, '', { 'retry-after': '7' })(request, response);
    });
    expect(await site.run()).toEqual(file);
    expect(pauses).toEqual([7000, 7000]);
  });

  it('at a file host that it is redirected to, which never sees the token', async () => {
    const seen: (string | undefined)[] = [];
    const files = await startServer({
      database: site.database,
      files: site.files,
      tls: site.pki,
      intercept(request, response) {
        seen.push(request.headers.authorization);
        response.end(file);
        return true;
      },
    });
    site.misbehave(PATCHES, redirect(`${files.url}/cdn/file?signature=opensesame`));
    expect(await site.run()).toEqual(file);
    await files.close();
    expect(seen).toEqual([undefined]);
  });

  it('not, when its time is over', async () => {
    site.network.limits = { ...LIMITS.network, downloadTime: 1000 };
    site.misbehave(PATCHES, (request: IncomingMessage, response: ServerResponse) => {
      const from = Number(/\d+/.exec(request.headers.range ?? '0')?.[0]);
      response.writeHead(from > 0 ? 206 : 200, {
        ...(from > 0 && { 'content-range': `bytes ${from}-${file.length - 1}/${file.length}` }),
        'content-length': file.length - from,
      });
      response.write(file.subarray(from, from + 1), () => setTimeout(() => response.destroy(), 100));
    });
    await expect(site.run()).rejects.toMatchObject({ code: 'network' });
  });
});

/** A plain http server. @returns its address. */
async function fileHost(handler: Handler): Promise<string> {
  const { createServer } = await import('node:http');
  const server = createServer((request, response) => void handler(request, response));
  const port = await startRawServer((socket) => server.emit('connection', socket));
  return `http://127.0.0.1:${port}`;
}
