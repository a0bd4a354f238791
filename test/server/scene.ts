import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import got, { type Method } from 'got';
import { packTar } from 'modern-tar';
import { afterAll } from 'vitest';
import { addPatchFile } from './catalogue.ts';
import { openDatabase, type StoredPatch, type Tier } from './database.ts';
import { makePki, type Pki } from './pki.ts';
import { type ServerOptions, startServer } from './server.ts';

export const MACHINE_ID = '0123456789abcdef0123456789abcdef';
const NONCE = '5f6e1f0a1c9b4d20b5b7a0c3a1d2e3f4';
export const KERNEL = '6.1.0-56-amd64';

/** A check-in as the client would send it, but for `changes`. */
export function checkInOf(changes: object = {}): object {
  return {
    schema: 2,
    clientVersion: '0.1.0',
    machineId: MACHINE_ID,
    architecture: 'amd64',
    cpuModel: 'AMD EPYC 7763 64-Core Processor',
    kernel: KERNEL,
    bootTime: '2026-01-11T06:00:12Z',
    uptimeSeconds: 8640,
    nonce: NONCE,
    cutoffDate: false,
    patchDelay: false,
    ...changes,
  };
}

interface Ask {
  token?: string;
  /** An object goes as JSON, a string as it is. */
  body?: object | string;
  headers?: Record<string, string>;
}

let shared: Promise<Pki> | undefined;
afterAll(async () => {
  if (shared !== undefined) await rm((await shared).authority.directory, { recursive: true });
});

/** One for all scenes of a test file: none changes it, and making it takes openssl longer than a test. */
function sharedPki(): Promise<Pki> {
  shared ??= mkdtemp(join(tmpdir(), 'livepatch-pki-')).then((directory) =>
    makePki(directory, { hosts: ['livepatch.test', '127.0.0.1'] }),
  );
  return shared;
}

/** A server over https with everything of its own in a temporary directory, and a client that trusts its CA. */
export async function startScene({
  intercept,
  tls = true,
}: {
  intercept?: ServerOptions['intercept'] | undefined;
  tls?: boolean | undefined;
} = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'livepatch-server-'));
  const files = join(directory, 'patches');
  const database = openDatabase(join(directory, 'livepatch.sqlite'));
  const pki = await sharedPki();
  const server = await startServer({
    ...(intercept && { intercept }),
    database,
    files,
    ...(tls && { tls: pki }),
  });

  async function ask(method: Method, path: string, { token, body, headers = {} }: Ask = {}) {
    const response = await got(`${server.url}${path}`, {
      method,
      headers: { ...headers, ...(token && { authorization: `Bearer ${token}` }) },
      ...(typeof body === 'string' ? { body } : body && { json: body }),
      https: { certificateAuthority: pki.caPem },
      throwHttpErrors: false,
      decompress: false,
      retry: { limit: 0 },
      responseType: 'buffer',
    });
    const isJson = response.headers['content-type'] === 'application/json';
    return {
      status: response.statusCode,
      headers: response.headers,
      body: isJson ? JSON.parse(Buffer.from(response.body).toString()) : Buffer.from(response.body),
    };
  }

  return {
    directory,
    files,
    database,
    pki,
    server,
    ask,

    /** The machine token of a machine registered for `tier`. */
    async register(tier: Tier = 'stable', id = MACHINE_ID): Promise<string> {
      const token = database.addAuthToken({ tier });
      const body = { schema: 2, clientVersion: '0.1.0', architecture: 'amd64', kernel: KERNEL };
      return (await ask('POST', `/v1/client/${id}`, { token, body })).body.machineToken;
    },

    checkIn: (token: string, changes: object = {}) =>
      ask('POST', `/v1/client/${MACHINE_ID}/updates`, { token, body: checkInOf(changes) }),

    /** A patch file of random content in the server's catalogue. */
    async addPatch(version: string, tier: Tier = 'stable', phase?: number): Promise<StoredPatch> {
      const path = join(directory, `${version}.tar.gz`);
      await writeFile(path, await patchFileOf(version));
      return addPatchFile(database, files, path, { tier, phase });
    },

    async end(): Promise<void> {
      await server.close();
      database.close();
      await rm(directory, { recursive: true });
    },
  };
}

export type Scene = Awaited<ReturnType<typeof startScene>>;

/** A patch file as the catalogue takes it, its module random bytes; nothing in it is signed. */
export async function patchFileOf(version: string): Promise<Uint8Array> {
  const module = randomBytes(4096);
  const metadata = JSON.stringify({
    schema: 2,
    kernel: KERNEL,
    architecture: 'amd64',
    version,
    module: 'livepatch_demo',
    digest: createHash('sha512').update(module).digest('hex'),
    vermagic: `${KERNEL} SMP preempt mod_unload modversions `,
    cumulative: true,
    releasedAt: '2026-01-10T12:00:00Z',
    fixes: [{ name: 'CVE-2026-0001', description: 'A use after free in the net scheduler.' }],
  });
  const tar = await packTar([
    { header: { name: 'livepatch/metadata.json', size: Buffer.byteLength(metadata) }, body: metadata },
    { header: { name: 'livepatch/livepatch_demo.ko', size: module.length }, body: module },
  ]);
  return gzipSync(tar);
}
