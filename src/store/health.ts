import { existsSync, lstatSync, type Stats, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { hasErrno } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { discard, setAsideName, storageError, writeAtomic } from './files.ts';
import type { Paths } from './paths.ts';

/** Whether what we keep is kept well. */
export interface StoreHealth {
  /** Bytes that are left where patch files go; undefined when there is no such place yet. */
  freeBytes: number | undefined;
  neededBytes: number;
  /** Files that others could read or change, each with the command that corrects it. */
  exposed: { path: string; fix: string }[];
  /** What could not be understood, or was in the way of a directory, under the names that it was moved to. */
  setAside: string[];
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
    setAside: [...secret, cves, state, ...paths.directories.map(({ path }) => path)]
      .map(setAsideName)
      .filter((path) => existsSync(path)),
  };
}

/**
 * Writes a file in each of our directories and removes it: what the modes and the free space say of a disk, a read-only
 * mount, a quota or a fault of the device may deny. Where a directory is not there yet, in what is there above it.
 * @throws LivepatchError `storage`, `no-permission`
 */
export function probe(paths: Paths): void {
  for (const directory of new Set(paths.directories.map(({ path }) => existing(path)))) {
    const path = join(directory, `.${crypto.randomUUID()}.tmp`);
    try {
      writeAtomic(path, new Uint8Array(LIMITS.doctor.probeBytes));
    } catch (error) {
      throw storageError('write in', directory, withoutPath((error as Error).cause));
    } finally {
      discard(path);
    }
  }
}

/** The path that a system call names is that of a file which nobody knows. */
function withoutPath(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  return Object.assign(new Error(error.message.replace(/, \w+ '.*'$/, '')), { code: error.code });
}

function existing(path: string): string {
  return existsSync(path) ? path : existing(dirname(path));
}

/** @param most the widest mode that is right. */
function exposed(path: string, most: number): { path: string; fix: string }[] {
  const stat = statOf(path);
  if (stat === undefined) return [];
  const mode = most.toString(8);
  if (stat.isSymbolicLink()) return [{ path, fix: `rm ${path}` }];
  // Only who is root can have made them root's.
  if (process.geteuid?.() === 0 && stat.uid !== 0) return [{ path, fix: `chown root:root ${path}` }];
  return (stat.mode & 0o777 & ~most) === 0 ? [] : [{ path, fix: `chmod ${mode} ${path}` }];
}

/** What is below a file that stands in the place of a directory is not there either. */
function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (hasErrno(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}

function freeBytes(path: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}
