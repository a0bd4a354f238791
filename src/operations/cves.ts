import { messageOf } from '../errors.ts';
import type { Secret } from '../secret.ts';
import type { Server } from '../source/server/client.ts';
import type { Run } from './context.ts';

/**
 * Brings the CVE data up to date. It is only shown, by `status`: nothing fails with it.
 * @param latest its digest, as the check-in told; undefined when there is none.
 */
export async function updateCves(
  run: Run,
  server: Server,
  token: Secret,
  latest: string | undefined,
): Promise<void> {
  const { machine, store } = run;
  try {
    const kept = store.cves.read();
    const known = kept?.kernel === machine.kernel ? kept.digest : undefined;
    if (known === latest) return;
    if (latest === undefined) return store.cves.remove();
    const fetched = await server.cves(machine.id, token, known);
    if (fetched === 'unchanged') return;
    if (fetched === 'none') store.cves.remove();
    else store.cves.write({ ...fetched, kernel: machine.kernel });
  } catch (error) {
    run.debug(`the CVE data could not be brought up to date: ${messageOf(error)}`);
  }
}
