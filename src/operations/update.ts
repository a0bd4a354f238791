import type { Secret } from '../secret.ts';
import type { Remembered } from '../types.ts';
import { carryOut, type Outcome } from './carry-out.ts';
import { checkIn } from './check-in.ts';
import { obtain } from './obtain.ts';
import { onDisk } from './reapply.ts';
import type { Run } from './world.ts';

/**
 * Brings the running kernel up to date: check in, decide, obtain, apply, record.
 * @throws LivepatchError when a step fails; why is remembered for `status`, and the kernel is as it was before.
 */
export async function update(run: Run, token: Secret): Promise<Outcome> {
  const server = await run.connect(run.config);
  const remembered: Remembered = await checkIn(run, server, token, run.machine, run.config);
  const { blocklist, offer } = remembered.advice ?? {};
  // Without an offer, what this kernel had before stays due, or stays held back and why.
  const prospect = offer
    ? { ...offer, open: () => obtain(run, server, token, offer, blocklist) }
    : await onDisk(run, remembered);
  return carryOut(run, remembered, prospect);
}
