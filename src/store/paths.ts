import { dirname, isAbsolute, join } from 'node:path';
import { snapFrom } from '../snapd/environment.ts';

/** Where everything is kept; `common` outlives snap revisions, `data` belongs to this one. */
export interface Paths {
  common: string;
  data: string;
  /** Every directory of ours and its mode, parents first; what is closed holds one kind of thing each. */
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
  /** Directory of the module-signing certificates that are shipped with the client. */
  keys: string;
  /** The root of a catalogue that may be shipped with the client. */
  catalogueRoot: string;
  /** Directory of the CAs that are shipped with the client. */
  ca: string;
}

const STATE = '/var/lib/canonical-livepatch';
/** What the bundle was installed into. */
const HOME = join(import.meta.dirname, '..');

/**
 * The places that snapd gives our snap; outside it /var/lib/canonical-livepatch, and what is shipped beside the bundle.
 * LIVEPATCH_ROOT moves all of it, so that a development build never touches the machine's own state; the launchers of
 * both packages drop it.
 */
export function pathsFrom(env: NodeJS.ProcessEnv): Paths {
  const snap = snapFrom(env);
  const { LIVEPATCH_ROOT: root } = env;
  const elsewhere = root !== undefined && isAbsolute(root) ? root : undefined;
  const state = elsewhere ?? STATE;
  const home = snap?.directory ?? elsewhere ?? HOME;
  const common = snap?.common ?? join(state, 'common');
  const data = snap?.data ?? join(state, 'data');
  const history = join(data, 'history', 'events.log');
  const securityLog = join(common, 'logs', 'security.log');
  const patches = join(common, 'patches');
  const locks = join(common, 'locks');
  const catalogue = join(common, 'catalogue');
  return {
    common,
    data,
    directories: [
      ...(snap === undefined ? [{ path: state, mode: SEARCHABLE }] : []),
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
    keys: join(home, 'keys'),
    catalogueRoot: join(home, 'keys', 'root.json'),
    ca: join(home, 'ca'),
  };
}

/** That a token exists, and the published state, are for everybody to see. */
const SEARCHABLE = 0o755;
export const CLOSED = 0o700;
