import { isAbsolute, join } from 'node:path';
import { LivepatchError } from '../errors.ts';

/** Where everything is kept; `common` outlives snap revisions, `data` belongs to this one. */
export interface Paths {
  common: string;
  data: string;
  config: string;
  snapSettings: string;
  machineToken: string;
  lastCheck: string;
  patches: string;
  locks: string;
  runLock: string;
  state: string;
  cves: string;
  pings: string;
  history: string;
  securityLog: string;
  /** Directory of the certificates shipped with the client; only a snap has one. */
  keys: string | undefined;
}

const OUTSIDE_A_SNAP = '/var/lib/canonical-livepatch';

/**
 * The places named by snapd's environment, or /var/lib/canonical-livepatch outside a snap.
 * @throws LivepatchError `config` when snapd's variables are incomplete or relative.
 */
export function pathsFrom(env: NodeJS.ProcessEnv): Paths {
  const snap = env.SNAP;
  const common = snap === undefined ? join(OUTSIDE_A_SNAP, 'common') : directory(env, 'SNAP_COMMON');
  const data = snap === undefined ? join(OUTSIDE_A_SNAP, 'data') : directory(env, 'SNAP_DATA');
  return {
    common,
    data,
    config: join(common, 'config'),
    snapSettings: join(common, 'snap-settings'),
    machineToken: join(common, 'machine-token'),
    lastCheck: join(common, 'last-check'),
    patches: join(common, 'patches'),
    locks: join(common, 'locks'),
    runLock: join(common, 'run-lock'),
    state: join(data, 'state.json'),
    cves: join(data, 'cves.json'),
    pings: join(data, 'pings.json'),
    history: join(data, 'history', 'events.log'),
    securityLog: join(common, 'logs', 'security.log'),
    keys: snap === undefined ? undefined : join(snap, 'keys'),
  };
}

function directory(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (value === undefined || !isAbsolute(value)) {
    throw new LivepatchError('config', `${name} is not set to an absolute path although SNAP is set`, {
      hint: 'Run the snap, or unset SNAP.',
    });
  }
  return value;
}
