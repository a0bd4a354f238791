import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Context } from '../../src/operations/context.ts';
import { Secret } from '../../src/secret.ts';
import type { NetworkDeps } from '../../src/source/network-deps.ts';
import { livepatchServer } from '../../src/source/server/client.ts';
import { trialDeps } from '../../src/source/trial.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import type { Candidate, Fix } from '../../src/types.ts';
import { type FakeKernel, fakeKernel, MACHINE } from '../fakes/kernel.ts';
import { append } from '../patch/make/cms.ts';
import { type ModuleParts, makeModule } from '../patch/make/elf.ts';
import { makeSigner, opensslSign, type Signer } from '../patch/make/pki.ts';
import { targz } from '../patch/make/tar.ts';
import { type Scene as ServerScene, startScene as startServer } from '../server/scene.ts';
import { temporaryDirectory } from '../temporary.ts';

/** The signer that the client of every scene pins. */
export const OURS = makeSigner();

const FIXES: Fix[] = [{ name: 'CVE-2026-0001', description: 'A use after free.', bug: '', patched: true }];

/** How a published patch differs from a good one. */
export interface Flaw {
  signer?: Signer;
  /** Who signs the metadata, when it is not the signer of the module. */
  metadataSigner?: Signer;
  /** The kernel that the metadata names, and the module is built for. */
  kernel?: string;
  /** What goes into the module instead of the usual. */
  parts?: ModuleParts;
  /** Changes the signed module before it is packed. */
  module?: (signed: Buffer) => Buffer;
  /** Changes the metadata before it is signed. */
  metadata?: object;
  /** Changes what the source says of the patch, after the file is made. */
  named?: Partial<Candidate>;
}

export interface Scene {
  context: Context;
  kernel: FakeKernel;
  store: Store;
  /** What $SNAP_COMMON and $SNAP_DATA are. */
  common: string;
  data: string;
  server: ServerScene;
  /** What was told to the person, in order. */
  told: string[];
  /** What was told only to those who debug. */
  whispered: string[];
  authToken: Secret;
  /** Puts a patch on the server, for this machine's kernel. */
  publish(version: string, flaw?: Flaw): void;
}

/** The real operations, store and network against the reference server over TLS; only the kernel is a fake. */
export async function startScene(
  options: Parameters<typeof startServer>[0] & { network?: Partial<NetworkDeps> } = {},
): Promise<Scene> {
  const server = await startServer(options);
  onTestFinished(() => server.end());
  server.database.setKernel(MACHINE.kernel, MACHINE.architecture, { support: 'supported' });
  const snap = temporaryDirectory();
  const [common, data] = [join(snap, 'common'), join(snap, 'data')];
  const store = openStore({
    SNAP_NAME: 'canonical-livepatch',
    SNAP: snap,
    SNAP_COMMON: common,
    SNAP_DATA: data,
  });
  mkdirSync(common);
  store.config.update({
    'remote-server': server.server.url,
    'ca-certs': server.pki.caPem,
    'signing-certs': OURS.pem,
  });
  const kernel = fakeKernel();
  const told: string[] = [];
  const whispered: string[] = [];
  const context: Context = {
    clientVersion: '1.2.3',
    kernel,
    store,
    connect: async (config, { trial = false } = {}) =>
      livepatchServer(config, '1.2.3', {
        env: {},
        pause: async () => {},
        tell: (step) => told.push(step),
        ...(trial && trialDeps()),
        ...options.network,
      }),
    readInput: (name) => createReadStream(name),
    now: () => new Date(),
    monotonic: () => performance.now(),
    sleep: async () => {},
    progress: (step) => told.push(step),
    warn: (text) => told.push(`warning: ${text}`),
    debug: (text) => whispered.push(text),
  };
  return {
    context,
    kernel,
    store,
    common,
    data,
    server,
    told,
    whispered,
    authToken: new Secret(server.database.addAuthToken()),
    publish(version, flaw = {}) {
      const { bytes, candidate } = patchOf(version, flaw);
      const file = `livepatch-${MACHINE.kernel}-${version}-amd64.tar.gz`;
      mkdirSync(server.files, { recursive: true });
      writeFileSync(join(server.files, file), bytes);
      // Past the catalogue, which would not offer one kernel's patch to another; a hostile server would.
      const { phase: _, ...stored } = candidate;
      server.database.addPatch({
        ...stored,
        file,
        kernel: MACHINE.kernel,
        architecture: MACHINE.architecture,
        tier: 'stable',
      });
    },
  };
}

/** The name of a version's module: two minor versions have the same. */
export function moduleOf(version: string): string {
  return `lkp_Debian_6_1_0_56_amd64_${version.split('.')[0]}`;
}

/** A patch file, good but for its flaw, and what a source says of it. */
export function patchOf(version: string, flaw: Flaw = {}): { bytes: Buffer; candidate: Candidate } {
  const { signer = OURS, metadataSigner = signer, kernel = MACHINE.kernel, parts, module, named } = flaw;
  const name = moduleOf(version);
  const content = makeModule({ name, release: kernel, ...parts });
  const signed = append(content, opensslSign(content, signer));
  const metadata = {
    schema: 2,
    kernel,
    architecture: 'amd64',
    version,
    module: name,
    digest: createHash('sha512').update(content).digest('hex'),
    vermagic: `${kernel} SMP preempt mod_unload modversions `,
    cumulative: true,
    releasedAt: '2026-01-10T12:00:00Z',
    fixes: FIXES,
    ...flaw.metadata,
  };
  const document = Buffer.from(JSON.stringify(metadata));
  const directory = `livepatch-${kernel}-${version}-amd64`;
  const bytes = targz(
    { name: `${directory}/`, type: '5' },
    { name: `${directory}/metadata.json`, body: document },
    { name: `${directory}/metadata.json.p7s`, body: opensslSign(document, metadataSigner) },
    { name: `${directory}/${name}.ko`, body: module?.(signed) ?? signed },
  );
  const { cumulative, digest, fixes, releasedAt } = metadata;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return {
    bytes,
    candidate: {
      ...{ version, digest, module: metadata.module, cumulative, releasedAt, fixes, sha256 },
      size: bytes.length,
      ...named,
    },
  };
}

/** The same, without what a source says of it. */
export function patchFile(version: string, flaw: Flaw = {}): Buffer {
  return patchOf(version, flaw).bytes;
}
