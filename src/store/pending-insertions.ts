import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { KernelVersion, Time, text, Version } from '../schemas.ts';
import type { PendingInsertion } from '../types.ts';
import { ensureDirectory, isMissing, readIfThere, remove, storageError, writeAtomic } from './files.ts';

const LockSchema = v.object({
  module: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_]{1,55}$/)),
  version: Version,
  kernel: KernelVersion,
  bootId: text(64),
  at: Time,
  attempt: v.pipe(v.number(), v.integer(), v.minValue(1)),
  trace: v.optional(v.array(v.string())),
});

/**
 * The locks of insertions that have not settled, `locks/<module>_<version>`. Other programs look for them, and an
 * administrator may remove one to have the patch tried again.
 */
export interface PendingInsertions {
  read(module: string, version: string): PendingInsertion | undefined;
  /** On disk, fsynced, when this returns: what comes next may end the machine. */
  write(lock: PendingInsertion): void;
  clear(module: string, version: string): void;
  all(): PendingInsertion[];
  pathOf(module: string, version: string): string;
}

export function pendingInsertions(directory: string): PendingInsertions {
  const pathOf = (module: string, version: string) => join(directory, `${module}_${version}`);
  return {
    pathOf,
    read: (module, version) => parse(pathOf(module, version), module, version),
    write(lock) {
      ensureDirectory(directory, 0o700);
      writeAtomic(pathOf(lock.module, lock.version), `${JSON.stringify(lock)}\n`);
    },
    clear: (module, version) => remove(pathOf(module, version)),
    all() {
      try {
        return readdirSync(directory).flatMap((name) => {
          const [, module, version] = /^(.+)_([\d.]+)$/.exec(name) ?? [];
          if (module === undefined || version === undefined) return [];
          return parse(join(directory, name), module, version) ?? [];
        });
      } catch (error) {
        if (isMissing(error)) return [];
        throw storageError('read', directory, error);
      }
    },
  };
}

/** A lock that cannot be understood still locks, as one of no known kernel and boot: its being there is the message. */
function parse(path: string, module: string, version: string): PendingInsertion | undefined {
  const content = readIfThere(path);
  if (content === undefined) return undefined;
  try {
    return v.parse(LockSchema, JSON.parse(content));
  } catch {
    return { module, version, kernel: '', bootId: '', at: new Date(0).toISOString(), attempt: 1 };
  }
}
