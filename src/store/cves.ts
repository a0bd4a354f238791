import * as v from 'valibot';
import { CveDataSchema, hex, KernelVersion } from '../schemas.ts';
import type { KeptCves } from '../types.ts';
import { readIfThere, remove, writeAtomic } from './files.ts';

const Kept = v.object({ digest: hex(64), kernel: KernelVersion, ...CveDataSchema.entries });

/** The CVE data that was fetched last. */
export interface CvesFile {
  /** @returns undefined when there is none that can be read, and understood: then it is fetched again. */
  read(): KeptCves | undefined;
  /** @throws LivepatchError `storage` */
  write(cves: KeptCves): void;
  /** @throws LivepatchError `storage` */
  remove(): void;
}

export function cvesFile(path: string): CvesFile {
  return {
    read() {
      try {
        return v.parse(Kept, JSON.parse(readIfThere(path) ?? ''));
      } catch {
        return undefined;
      }
    },
    write: (cves) => writeAtomic(path, `${JSON.stringify(cves)}\n`),
    remove: () => remove(path),
  };
}
