import { lstatSync, type Stats, statfsSync } from 'node:fs';
import { LIMITS } from '../limits.ts';
import type { Paths } from './paths.ts';

/** Whether what we keep is kept well. */
export interface StoreHealth {
  /** Bytes that are left where patch files go; undefined when there is no such place yet. */
  freeBytes: number | undefined;
  neededBytes: number;
  /** Files that others could read or change, each with the command that mends it. */
  exposed: { path: string; mend: string }[];
}

export function storeHealth(paths: Paths): StoreHealth {
  const { config, cves, history, machineToken, pings, securityLog, state } = paths;
  const secret = [config, machineToken, pings, history, securityLog];
  return {
    freeBytes: freeBytes(paths.common),
    neededBytes: LIMITS.store.freeBytes,
    exposed: [
      ...secret.flatMap((path) => exposed(path, 0o600)),
      ...[cves, state].flatMap((path) => exposed(path, 0o644)),
      ...paths.directories.flatMap(({ path, mode }) => exposed(path, mode)),
    ],
  };
}

/** @param most the widest mode that is right. */
function exposed(path: string, most: number): { path: string; mend: string }[] {
  const stat = statOf(path);
  if (stat === undefined) return [];
  const mode = most.toString(8);
  if (stat.isSymbolicLink()) return [{ path, mend: `rm ${path}` }];
  // Only who is root can have made them root's.
  if (process.geteuid?.() === 0 && stat.uid !== 0) return [{ path, mend: `chown root:root ${path}` }];
  return (stat.mode & 0o777 & ~most) === 0 ? [] : [{ path, mend: `chmod ${mode} ${path}` }];
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function freeBytes(path: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}
