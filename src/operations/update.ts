import type { Secret } from '../secret.ts';
import type { State } from '../types.ts';
import { carryOut, type Result } from './carry-out.ts';
import { checkIn } from './check-in.ts';
import type { Run } from './context.ts';
import { updateCves } from './cves.ts';
import { obtain } from './obtain.ts';
import { openPingQueue, tellOwed } from './pings.ts';
import { onDisk } from './reapply.ts';

/**
 * Brings the running kernel up to date: check in, decide, obtain, apply, record. On the way the server is told how the
 * patch fares, and at last it is asked for CVE data that has changed; neither can hold anything up.
 * @throws LivepatchError when a step fails; why is state for `status`, and the kernel is as it was before.
 */
export async function update(run: Run, token: Secret): Promise<Result> {
  const server = await run.connect(run.config);
  const state: State = await checkIn(run, server, token, run.machine, run.config);
  await using pingQueue = openPingQueue(run, server);
  tellOwed(run, pingQueue);
  const { blocklist, cves, offer } = state.advice ?? {};
  try {
    return await carryOut({ ...run, pingQueue }, state, async (now) =>
      // Without an offer, what this kernel had before stays due, or stays held back and why.
      offer ? { ...offer, open: () => obtain(run, server, token, offer, blocklist) } : await onDisk(run, now),
    );
  } finally {
    await updateCves(run, server, token, cves);
  }
}
