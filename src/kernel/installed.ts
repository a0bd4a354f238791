import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The kernels that are installed, by release. Packages bring modules.order and take it away again; what depmod made
 * beside it may outlive them.
 */
export function installedKernels(root: string): string[] {
  const directory = join(root, 'lib/modules');
  // Not by globSync, which takes longer to load than all that `status` has to do.
  const releases = existsSync(directory) ? readdirSync(directory) : [];
  return releases.filter((release) => existsSync(join(directory, release, 'modules.order'))).sort();
}
