import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Candidate } from '../../src/types.ts';
import { type BuiltPatch, buildPatch, PROC_VERSION } from '../patches/build.ts';
import { makeSigner, type Signer } from '../patches/signer.ts';
import { metadataOf } from '../server/catalogue.ts';
import { type Database, openDatabase } from '../server/database.ts';
import { makePki, type Pki } from '../server/pki.ts';
import { type RunningServer, startServer } from '../server/server.ts';
import { debianKernel, type KernelTree } from './debian-kernel.ts';
import type { RunResult, Vm } from './vm.ts';

/** All that stands around a machine: a Livepatch server with its own PKI, a patch signer, a kernel to patch. */
export interface Site {
  kernel: KernelTree;
  directory: string;
  database: Database;
  server: RunningServer;
  pki: Pki;
  signer: Signer;
  /** Compiles, signs and packs a patch, of /proc/version unless another source is given. */
  build(version: string, changes?: Partial<Parameters<typeof buildPatch>[0]>): Promise<BuiltPatch>;
  /**
   * Offers a patch file to machines with the site's kernel, whatever is in it.
   * @param says what the server says of it, where that is not what its metadata says.
   */
  offer(version: string, archive: Uint8Array, says?: Partial<Candidate>): Promise<void>;
  /** Takes back all that was offered. */
  withdraw(version: string): Promise<void>;
  /** Puts the address, the CA and the signing certificate into a guest's configuration. */
  introduce(vm: Vm): Promise<void>;
  end(): Promise<void>;
}

/** What is said of a patch file that holds no readable metadata. */
const UNREADABLE = {
  digest: '0'.repeat(128),
  module: 'livepatch_demo',
  cumulative: true,
  releasedAt: '2026-01-10T12:00:00Z',
  fixes: [],
};

/** Sets a site up on this machine's loopback, which a guest reaches as livepatch.test. */
export async function startSite(): Promise<Site> {
  const kernel = debianKernel();
  const directory = await mkdtemp(join(tmpdir(), 'livepatch-site-'));
  const files = join(directory, 'patches');
  await mkdir(files);
  const database = openDatabase(join(directory, 'livepatch.sqlite'));
  database.setKernel(kernel.release, kernel.architecture, { support: 'supported' });
  const pki = await makePki(directory, { hosts: ['livepatch.test'] });
  const signer = await makeSigner(directory);
  const server = await startServer({ database, files, tls: pki });

  return {
    kernel,
    directory,
    database,
    server,
    pki,
    signer,
    build: (version, changes = {}) =>
      buildPatch({ source: PROC_VERSION, version, kernel, signer, ...changes }),
    async offer(version, archive, says = {}) {
      const file = `livepatch-${kernel.release}-${version}-${kernel.architecture}.tar.gz`;
      await writeFile(join(files, file), archive);
      database.addPatch({
        ...(await metadataOf(archive).catch(() => UNREADABLE)),
        // As the site's machines are told, whatever the metadata says.
        file,
        kernel: kernel.release,
        architecture: kernel.architecture,
        version,
        tier: 'stable',
        sha256: createHash('sha256').update(archive).digest('hex'),
        size: archive.length,
        ...says,
      });
    },
    async withdraw(version) {
      database.forgetVersion(version);
    },
    async introduce(vm) {
      const url = `https://livepatch.test:${server.port}`;
      await succeed(vm, `config ca-certs=@stdin < /host${join(directory, 'ca.pem')}`);
      await succeed(vm, `config signing-certs=@stdin < /host${signer.certFile}`);
      await succeed(vm, `config remote-server=${url}`);
    },
    async end() {
      await server.close();
      database.close();
      await rm(directory, { recursive: true });
    },
  };
}

/** Runs the client in the guest. */
export function client(vm: Vm, words: string): Promise<RunResult> {
  return vm.run(`bin/canonical-livepatch.js ${words}`);
}

/** Runs the client in the guest, where nothing else than success will do. */
export async function succeed(vm: Vm, words: string): Promise<RunResult> {
  const result = await client(vm, words);
  if (result.exitCode !== 0) throw new Error(`${words}: exit status ${result.exitCode}\n${result.stderr}`);
  return result;
}
