import { existsSync } from 'node:fs';
import { viewKernel } from './kernel/view.ts';
import type { ReadOnlyContext } from './operations/context.ts';
import type { ConfigFile } from './store/config.ts';
import { cvesFile } from './store/cves.ts';
import { pathsFrom } from './store/paths.ts';
import { stateFile } from './store/state.ts';
import { tokenFile } from './store/token.ts';

/** The context as it really is, for commands that only tell what is known: they run at every login. */
export function readOnlyContext(clientVersion: string): ReadOnlyContext {
  const paths = pathsFrom(process.env);
  return {
    clientVersion,
    kernel: viewKernel(),
    store: { token: tokenFile(paths.machineToken), state: stateFile(paths), cves: cvesFile(paths.cves) },
    now: () => new Date(),
  };
}

/** The configuration, where there is any: loaded only then, because it takes a parser of YAML to read it. */
export function configIfThere(): Promise<ConfigFile> | undefined {
  const { catalogueRoot, config } = pathsFrom(process.env);
  if (!existsSync(config)) return undefined;
  return import('./store/config.ts').then(({ configFile }) =>
    configFile(config, () => existsSync(catalogueRoot ?? '')),
  );
}
