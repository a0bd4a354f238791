import { LivepatchError } from '../errors.ts';
import { inSnap, snapctl } from './snapctl.ts';

/** The plugs of snap/snapcraft.yaml that patching needs; it says what each is for. Only `dpkg-status` is not needed. */
export const PLUGS = ['network', 'kernel-module-control', 'sys-kernel-livepatch', 'mode-file'] as const;

/** The plugs that are not connected; undefined outside a snap, where nothing confines us. */
export async function missingPlugs(): Promise<string[] | undefined> {
  if (!inSnap) return undefined;
  const connected = await Promise.all(PLUGS.map(async (plug) => (await snapctl('is-connected', plug)).ok));
  return PLUGS.filter((_, index) => !connected[index]);
}

/**
 * In a snap, checks that every plug is connected. Without one a run would stop half way: a module inserted that cannot
 * be watched or taken out again, or a kill switch that is not seen.
 * @throws LivepatchError `no-permission`, its hint the commands that help.
 */
export async function requirePlugs(): Promise<void> {
  const missing = (await missingPlugs()) ?? [];
  if (missing.length === 0) return;
  throw new LivepatchError('no-permission', `The snap lacks a permission: ${missing.join(', ')}`, {
    hint: missing.map((plug) => `Run 'sudo snap connect canonical-livepatch:${plug}'.`).join('\n'),
  });
}
