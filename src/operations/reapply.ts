import { messageOf } from '../errors.ts';
import { compareVersions } from '../patch/version.ts';
import type { Patch, Remembered } from '../types.ts';
import { carryOut, type Outcome, type Prospect } from './carry-out.ts';
import { openPayload } from './open-payload.ts';
import type { Run } from './world.ts';

/**
 * Applies again, from disk and without the network, the patch that this kernel had before the machine went down. It is
 * verified in full, as whatever comes from outside.
 * @throws LivepatchError as carry-out.ts says.
 */
export async function reapply(run: Run): Promise<Outcome> {
  const remembered = run.store.record.read();
  return carryOut(run, remembered, (await fromRecord(run, remembered)) ?? (await fromDisk(run, remembered)));
}

async function fromRecord(run: Run, remembered: Remembered): Promise<Prospect | undefined> {
  const { advice, patch } = remembered;
  if (patch === undefined || patch.kernel !== run.machine.kernel) return undefined;
  const { sha256 } = patch;
  if (!run.store.payloads.has(sha256)) return undefined;
  return { ...patch, open: () => openPayload(run, run.machine, run.config, sha256, advice?.blocklist) };
}

/** When the record was lost: the newest payload that proves to be for this kernel. */
async function fromDisk(run: Run, { advice, patch: applied }: Remembered): Promise<Prospect | undefined> {
  if (applied !== undefined) return undefined;
  let newest: { sha256: string; patch: Patch } | undefined;
  for (const sha256 of run.store.payloads.all()) {
    try {
      const patch = await openPayload(run, run.machine, run.config, sha256, advice?.blocklist);
      if (
        newest === undefined ||
        compareVersions(patch.metadata.version, newest.patch.metadata.version) > 0
      ) {
        newest = { sha256, patch };
      }
    } catch (error) {
      run.progress(`passing over a payload: ${messageOf(error)}`);
    }
  }
  return (
    newest && {
      ...newest.patch.metadata,
      sha256: newest.sha256,
      open: async () => (newest as { patch: Patch }).patch,
    }
  );
}
