import { LIMITS } from '../../../src/limits.ts';
import { type CatalogueConfig, catalogue } from '../../../src/source/catalogue/catalogue.ts';
import { inMemory, type MetadataStore } from '../../../src/source/catalogue/metadata-store.ts';
import type { NetworkDeps } from '../../../src/source/network-deps.ts';
import type { MachineReport, Source } from '../../../src/source/source.ts';
import type { Advice, Candidate, Machine } from '../../../src/types.ts';
import { KERNEL, type TestCatalogue } from '../../catalogue/make.ts';
import type { StaticHost } from '../../catalogue/serve-files.ts';
import { staticHost } from '../../catalogue/static-host.ts';

export const MACHINE: Machine = {
  id: '0123456789abcdef0123456789abcdef',
  architecture: 'amd64',
  cpuModel: 'some CPU',
  release: '6.8.0-1047-aws',
  kernel: KERNEL,
  bootId: 'b',
  bootTime: '2026-11-01T00:00:00Z',
  uptimeSeconds: 1000,
};

export function reportOf(changes: Partial<MachineReport> = {}): MachineReport {
  return { machine: MACHINE, cutoffDate: false, patchDelay: false, ...changes };
}

/** A machine that takes patches from a catalogue; its metadata is kept from run to run. */
export interface TestMachine {
  store: MetadataStore;
  told: string[];
  /** A new run. */
  source(changes?: { tier?: string; url?: URL }): Source;
  checkIn(known?: string): Promise<Advice | 'unchanged'>;
  fetch(candidate: Candidate): Promise<Buffer>;
}

/** Short enough for a test. */
const NETWORK: Partial<NetworkDeps> = {
  env: {},
  limits: { ...LIMITS.network, attempts: 2, idleTime: 300, answerTime: 1000, downloadTime: 2000 },
  uptime: () => 1e9,
  random: () => 0,
  pause: async () => {},
};

export function machineAt(
  url: URL,
  root: Buffer,
  store = inMemory(),
  settings: Partial<CatalogueConfig> = {},
): TestMachine {
  const told: string[] = [];
  const source: TestMachine['source'] = (changes = {}) =>
    catalogue(
      {
        httpProxy: '',
        httpsProxy: '',
        noProxy: '',
        caCerts: '',
        dialTimeout: 1000,
        tlsPatchDownload: false,
        remoteServer: changes.url ?? url,
        tier: changes.tier ?? 'stable',
        ...settings,
      },
      {
        clientVersion: '1.0',
        root,
        metadata: store,
        network: { ...NETWORK, tell: (step) => void told.push(step) },
      },
    );
  return {
    store,
    told,
    source,
    checkIn: async (known) => (await source().checkIn(reportOf({ known }), undefined)).advice,
    async fetch(candidate) {
      const chunks: Uint8Array[] = [];
      for await (const chunk of source().fetch(candidate, undefined)) chunks.push(chunk);
      return Buffer.concat(chunks);
    },
  };
}

export async function machineOf(made: TestCatalogue): Promise<{ machine: TestMachine; host: StaticHost }> {
  const host = await staticHost(made.files);
  return { host, machine: machineAt(host.url, made.root) };
}

export function versionsIn(advice: Advice | 'unchanged'): string[] {
  return advice === 'unchanged' ? [] : advice.candidates.map(({ version }) => version);
}
