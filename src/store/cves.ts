import * as v from 'valibot';
import { CveDataSchema, hex, KernelVersion } from '../schemas.ts';
import type { KeptCves } from '../types.ts';
import { PUBLIC, readIfThere, remove, writeAtomic } from './files.ts';

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
    // No secret: what anybody may ask the server about this kernel; `status` shows everybody the same.
    write: (cves) => writeAtomic(path, `${JSON.stringify(cves)}\n`, PUBLIC),
    remove: () => remove(path),
  };
}
