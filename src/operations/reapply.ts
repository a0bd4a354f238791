import { compareVersions } from '../policy/version.ts';
import type { State } from '../types.ts';
import { carryOut, type Prospect, type Result } from './carry-out.ts';
import type { Run } from './context.ts';
import { openPayload, type Verified, verifiedPayloads } from './open-payload.ts';

/**
 * Applies again, from disk and without the network, the patch that this kernel had before the machine went down. It is
 * verified in full, as whatever comes from outside.
 * @throws LivepatchError as carry-out.ts says.
 */
export async function reapply(run: Run): Promise<Result> {
  return await carryOut(run, run.store.state.read(), (state) => onDisk(run, state));
}

/** What is due as long as nobody offers anything newer: the patch that is state, or else the newest on disk. */
export async function onDisk(run: Run, state: State): Promise<Prospect | undefined> {
  const { advice, patch } = state;
  if (patch === undefined) return newest(run, state);
  if (patch.kernel !== run.machine.kernel || !run.store.payloads.exists(patch.sha256)) return undefined;
  const open = () => openPayload(run, run.machine, run.config, patch.sha256, advice?.blocklist);
  return { ...patch, open };
}

/** When the record was lost: the newest payload that proves to be for this kernel. */
async function newest(run: Run, { advice }: State): Promise<Prospect | undefined> {
  let found: Verified | undefined;
  for await (const other of verifiedPayloads(run, run.machine, run.config, advice?.blocklist)) {
    if (found === undefined || isNewer(other, found)) found = other;
  }
  if (found === undefined) return undefined;
  const { patch, sha256 } = found;
  return { ...patch.metadata, sha256, open: async () => patch };
}

function isNewer(one: Verified, other: Verified): boolean {
  return compareVersions(one.patch.metadata.version, other.patch.metadata.version) > 0;
}
