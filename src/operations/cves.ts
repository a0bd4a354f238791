import { messageOf } from '../errors.ts';
import type { Server } from '../remote/server.ts';
import type { Secret } from '../secret.ts';
import type { Run } from './world.ts';

/** Brings the CVE data up to date. It is only shown, by `status`: nothing fails with it. */
export async function updateCves(run: Run, server: Server, token: Secret): Promise<void> {
  const { machine, store } = run;
  try {
    const kept = store.cves.read();
    const known = kept?.kernel === machine.kernel ? kept.digest : undefined;
    const fetched = await server.cves(machine.id, token, known);
    if (fetched === 'unchanged') return;
    if (fetched === 'none') store.cves.remove();
    else store.cves.write({ ...fetched, kernel: machine.kernel });
  } catch (error) {
    run.debug(`the CVE data could not be brought up to date: ${messageOf(error)}`);
  }
}
