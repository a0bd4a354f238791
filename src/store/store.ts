import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Events, events } from './audit.ts';
import { type CatalogueMetadata, catalogueMetadata } from './catalogue-metadata.ts';
import { type ConfigFile, configFile } from './config.ts';
import { type CvesFile, cvesFile } from './cves.ts';
import {
  ensureDirectory,
  isMissing,
  readIfThere,
  setAsideUnlessDirectory,
  storageError,
  sweep,
} from './files.ts';
import { probe, type StoreHealth, storeHealth } from './health.ts';
import { CLOSED, type Paths, pathsFrom } from './paths.ts';
import { type Payloads, payloads } from './payloads.ts';
import { type PendingInsertions, pendingInsertions } from './pending-insertions.ts';
import { type PingsFile, pingsFile } from './pings.ts';
import { lockHolder, takeRunLock } from './run-lock.ts';
import { type SnapSettings, snapSettings } from './snap-settings.ts';
import { type StateFile, stateFile } from './state.ts';
import { type TokenFile, tokenFile } from './token.ts';

/** All that is kept between runs. */
export interface Store {
  config: ConfigFile;
  snapSettings: SnapSettings;
  token: TokenFile;
  state: StateFile;
  cves: CvesFile;
  pings: PingsFile;
  payloads: Payloads;
  catalogue: CatalogueMetadata;
  pending: PendingInsertions;
  events: Events;
  /** Whether what we keep is kept well. */
  health(): StoreHealth;
  /** Whether our directories can be written in; see health.ts. @throws LivepatchError `storage`, `no-permission` */
  probe(): void;
  /** Who holds the run lock; undefined when nobody does, or that may not be seen. */
  lockHolder(): string | undefined;
  /** The certificates shipped with the client, by file. */
  shippedCertificates(): { source: string; bytes: Uint8Array }[];
  /**
   * Where a certificate that is shipped with the client lies as DER, which is all that `mokutil` takes; undefined for
   * others. Never throws.
   * @param fingerprint SHA-256 of the certificate, lower-case hex.
   */
  derOf(fingerprint: string): string | undefined;
  /** The TUF root of a catalogue that is shipped with the client. @throws LivepatchError `storage` */
  shippedRoot(): string | undefined;
  /** The CAs that are shipped with the client, PEM: for a server whose CA is in nobody's pool. @throws LivepatchError `storage` */
  shippedCas(): string[];
  /**
   * Makes our directories and takes the run lock; see run-lock.ts. What stands in the place of a directory is set aside.
   * @param warn hears of that.
   */
  runLock(who: string, warn: (text: string) => void): Disposable;
  /** Removes what a run that was killed left half done. Only under the run lock. @throws LivepatchError `storage` */
  sweep(): void;
}

/** Opens the store; touches nothing on disk until something is asked of it. */
export function openStore(env: NodeJS.ProcessEnv): Store {
  const paths = pathsFrom(env);
  return {
    config: configFile(paths.config, () => existsSync(paths.catalogueRoot)),
    snapSettings: snapSettings(paths.snapSettings, env.SNAP_REVISION),
    token: tokenFile(paths.machineToken),
    state: stateFile(paths),
    cves: cvesFile(paths.cves),
    pings: pingsFile(paths.pings),
    payloads: payloads(paths.patches),
    catalogue: catalogueMetadata(paths.catalogue),
    pending: pendingInsertions(paths.locks),
    events: events(paths),
    health: () => storeHealth(paths),
    probe: () => probe(paths),
    lockHolder: () => lockHolder(paths.runLock),
    shippedCertificates: () => certificatesIn(paths.keys),
    derOf: (fingerprint) => derOf(paths.keys, fingerprint),
    shippedRoot: () => readIfThere(paths.catalogueRoot),
    shippedCas: () => certificatesIn(paths.ca).map(({ bytes }) => Buffer.from(bytes).toString('utf8')),
    runLock(who, warn) {
      const isOpen = ({ mode }: Paths['directories'][number]) => mode !== CLOSED;
      for (const { path, mode } of paths.directories.filter(isOpen)) ensureDirectory(path, mode);
      const lock = takeRunLock(paths.runLock, who);
      try {
        for (const { path, mode } of paths.directories.filter((one) => !isOpen(one))) {
          const aside = setAsideUnlessDirectory(path);
          if (aside !== undefined) warn(`${path} was no directory; what was there is ${aside} now`);
          ensureDirectory(path, mode);
        }
        return lock;
      } catch (error) {
        lock[Symbol.dispose]();
        throw error;
      }
    },
    sweep() {
      for (const directory of [paths.common, paths.data, paths.locks, paths.catalogue]) sweep(directory);
      sweep(paths.patches, /^\.|\.partial$/);
    },
  };
}

function certificatesIn(directory: string): { source: string; bytes: Uint8Array }[] {
  try {
    const files = readdirSync(directory).filter((name) => name.endsWith('.pem'));
    return files.sort().map((name) => {
      const source = join(directory, name);
      return { source, bytes: readFileSync(source) };
    });
  } catch (error) {
    if (isMissing(error)) return [];
    throw storageError('read the certificates in', directory, error);
  }
}

function derOf(directory: string, fingerprint: string): string | undefined {
  try {
    const files = readdirSync(directory).filter((name) => name.endsWith('.der'));
    return files
      .map((name) => join(directory, name))
      .find((path) => createHash('sha256').update(readFileSync(path)).digest('hex') === fingerprint);
  } catch {
    // It is only for a hint.
    return undefined;
  }
}
