import { dirname, join } from 'node:path';
import { snapFrom } from '../snapd/environment.ts';

/** Where everything is kept; `common` outlives snap revisions, `data` belongs to this one. */
export interface Paths {
  common: string;
  data: string;
  /** Every directory of ours and its mode, parents first. */
  directories: { path: string; mode: number }[];
  config: string;
  snapSettings: string;
  machineToken: string;
  lastCheck: string;
  patches: string;
  locks: string;
  /** Trusted metadata of a catalogue. */
  catalogue: string;
  runLock: string;
  state: string;
  cves: string;
  pings: string;
  history: string;
  securityLog: string;
  /** Directory of the certificates shipped with the client; only a snap has one. */
  keys: string | undefined;
  /** The root of a catalogue that may be shipped with the client. */
  catalogueRoot: string | undefined;
}

const OUTSIDE_A_SNAP = '/var/lib/canonical-livepatch';

/** The places that snapd gives our snap, or /var/lib/canonical-livepatch outside it. */
export function pathsFrom(env: NodeJS.ProcessEnv): Paths {
  const snap = snapFrom(env);
  const common = snap?.common ?? join(OUTSIDE_A_SNAP, 'common');
  const data = snap?.data ?? join(OUTSIDE_A_SNAP, 'data');
  const history = join(data, 'history', 'events.log');
  const securityLog = join(common, 'logs', 'security.log');
  const patches = join(common, 'patches');
  const locks = join(common, 'locks');
  const catalogue = join(common, 'catalogue');
  return {
    common,
    data,
    directories: [
      ...(snap === undefined ? [{ path: OUTSIDE_A_SNAP, mode: SEARCHABLE }] : []),
      ...[common, data].map((path) => ({ path, mode: SEARCHABLE })),
      ...[patches, locks, catalogue, dirname(history), dirname(securityLog)].map((path) => ({
        path,
        mode: CLOSED,
      })),
    ],
    config: join(common, 'config'),
    snapSettings: join(common, 'snap-settings'),
    machineToken: join(common, 'machine-token'),
    lastCheck: join(common, 'last-check'),
    patches,
    locks,
    catalogue,
    runLock: join(common, 'run-lock'),
    state: join(data, 'state.json'),
    cves: join(data, 'cves.json'),
    pings: join(data, 'pings.json'),
    history,
    securityLog,
    keys: snap && join(snap.directory, 'keys'),
    catalogueRoot: snap && join(snap.directory, 'keys', 'root.json'),
  };
}

/** That a token exists, and the published state, are for everybody to see. */
const SEARCHABLE = 0o755;
const CLOSED = 0o700;
