import { existsSync, readdirSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { kernelsOfDpkg } from './package-database.ts';

/**
 * The kernels that are installed, by release: those of the package database, which knows what can be booted. Where it
 * does not know the running kernel, kernels do not come from it here, and what has modules counts.
 * @param running `uname -r`.
 */
export function installedKernels(root: string, running = release()): string[] {
  const packaged = kernelsOfDpkg(root);
  return packaged?.includes(running) ? packaged : kernelsWithModules(root);
}

/** Packages bring modules.order and take it away again; what depmod made beside it may outlive them. */
function kernelsWithModules(root: string): string[] {
  const directory = join(root, 'lib/modules');
  // Not by globSync, which takes longer to load than all that `status` has to do.
  const releases = existsSync(directory) ? readdirSync(directory) : [];
  return releases.filter((name) => existsSync(join(directory, name, 'modules.order'))).sort();
}
