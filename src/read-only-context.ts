import { linuxKernel } from './kernel/kernel.ts';
import type { QuickWorld } from './operations/context.ts';
import { cvesFile } from './store/cves.ts';
import { pathsFrom } from './store/paths.ts';
import { recordFile } from './store/state.ts';
import { tokenFile } from './store/token.ts';

/** The world as it really is, for commands that only tell what is known: they run at every login. */
export function quickWorld(clientVersion: string): QuickWorld {
  const paths = pathsFrom(process.env);
  return {
    clientVersion,
    kernel: linuxKernel(),
    store: { token: tokenFile(paths.machineToken), record: recordFile(paths), cves: cvesFile(paths.cves) },
    now: () => new Date(),
  };
}
