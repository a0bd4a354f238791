import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { LivepatchError } from '../errors.ts';
import { PatchSchema, Time, text } from '../schemas.ts';
import type { PendingInsertion } from '../types.ts';
import { ensureDirectory, isMissing, readIfThere, remove, storageError, writeAtomic } from './files.ts';

const attempt = v.pipe(v.number(), v.integer(), v.minValue(1));
const Try = v.object({ bootId: text(64), at: Time, attempt, trace: v.optional(v.array(v.string())) });
const PendingSchema = v.object({ patch: PatchSchema, ...Try.entries, earlier: v.optional(Try) });

/**
 * The insertions that have not settled, `locks/<module>_<version>`. Other programs look for these files, and an
 * administrator may remove one to have the patch tried again.
 */
export interface PendingInsertions {
  /** @throws LivepatchError `storage` */
  all(): PendingInsertion[];
  /** On disk, fsynced, when this returns: what comes next may end the machine. @throws LivepatchError `storage` */
  write(pending: PendingInsertion): void;
  /** @throws LivepatchError `storage` */
  clear(pending: PendingInsertion): void;
  pathOf(pending: PendingInsertion): string;
}

export function pendingInsertions(directory: string): PendingInsertions {
  const pathOf = ({ patch }: PendingInsertion) => join(directory, `${patch.module}_${patch.version}`);
  return {
    pathOf,
    write(pending) {
      ensureDirectory(directory, 0o700);
      writeAtomic(pathOf(pending), `${JSON.stringify(pending)}\n`);
    },
    clear: (pending) => remove(pathOf(pending)),
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

/**
 * What cannot be read or understood still locks its version, on every kernel, whatever the reason: that it is there is
 * the message.
 */
function parse(path: string, module: string, version: string): PendingInsertion | undefined {
  try {
    const content = readIfThere(path);
    return content === undefined ? undefined : v.parse(PendingSchema, JSON.parse(content));
  } catch (error) {
    if (error instanceof LivepatchError && error.code === 'no-permission') throw error;
    return unknownInsertion(module, version);
  }
}

const DAWN = new Date(0).toISOString();

function unknownInsertion(module: string, version: string): PendingInsertion {
  const unknown = { kernel: '', digest: '', cumulative: true, releasedAt: DAWN, fixes: [], sha256: '' };
  return { patch: { ...unknown, module, version }, bootId: '', at: DAWN, attempt: 1 };
}
