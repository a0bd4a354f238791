import type { Secret } from '../secret.ts';
import type { Remembered } from '../types.ts';
import { carryOut, type Outcome } from './carry-out.ts';
import { checkIn } from './check-in.ts';
import { updateCves } from './cves.ts';
import { obtain } from './obtain.ts';
import { openMailbox, tellOwed } from './pings.ts';
import { onDisk } from './reapply.ts';
import type { Run } from './context.ts';

/**
 * Brings the running kernel up to date: check in, decide, obtain, apply, record. On the way the server is told how the
 * patch fares, and at last it is asked for CVE data that has changed; neither can hold anything up.
 * @throws LivepatchError when a step fails; why is remembered for `status`, and the kernel is as it was before.
 */
export async function update(run: Run, token: Secret): Promise<Outcome> {
  const server = await run.connect(run.config);
  const remembered: Remembered = await checkIn(run, server, token, run.machine, run.config);
  await using mailbox = openMailbox(run, server);
  tellOwed(run, mailbox);
  const { blocklist, cves, offer } = remembered.advice ?? {};
  try {
    return await carryOut({ ...run, mailbox }, remembered, async (now) =>
      // Without an offer, what this kernel had before stays due, or stays held back and why.
      offer ? { ...offer, open: () => obtain(run, server, token, offer, blocklist) } : await onDisk(run, now),
    );
  } finally {
    await updateCves(run, server, token, cves);
  }
}
