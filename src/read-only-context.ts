import { linuxKernel } from './kernel/kernel.ts';
import type { ReadOnlyContext } from './operations/context.ts';
import { cvesFile } from './store/cves.ts';
import { pathsFrom } from './store/paths.ts';
import { stateFile } from './store/state.ts';
import { tokenFile } from './store/token.ts';

/** The context as it really is, for commands that only tell what is known: they run at every login. */
export function readOnlyContext(clientVersion: string): ReadOnlyContext {
  const paths = pathsFrom(process.env);
  return {
    clientVersion,
    kernel: linuxKernel(),
    store: { token: tokenFile(paths.machineToken), state: stateFile(paths), cves: cvesFile(paths.cves) },
    now: () => new Date(),
  };
}
