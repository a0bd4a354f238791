import * as v from 'valibot';
import { PingSchema, Time, text } from '../schemas.ts';
import type { PendingPing } from '../types.ts';
import { readIfThere, remove, writeAtomic } from './files.ts';

const OwedPings = v.array(v.object({ ...PingSchema.entries, due: Time, bootId: text(64) }));

/** What is still to be told about the health of patches, oldest first. */
export interface PingsFile {
  /** @returns none when the file cannot be read or understood: then it is forgotten. */
  read(): PendingPing[];
  /** @throws LivepatchError `storage` */
  write(owed: readonly PendingPing[]): void;
}

export function pingsFile(path: string): PingsFile {
  return {
    read: () => readOwed(path),
    write(owed) {
      if (owed.length === 0) remove(path);
      else writeAtomic(path, `${JSON.stringify(owed)}\n`);
    },
  };
}

function readOwed(path: string): PendingPing[] {
  try {
    return v.parse(OwedPings, JSON.parse(readIfThere(path) ?? '[]'));
  } catch {
    return [];
  }
}
