import { globSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/**
 * The kernels that are installed, by release. Packages bring modules.order and take it away again; what depmod made
 * beside it may outlive them.
 */
export function installedKernels(root: string): string[] {
  return globSync('*/modules.order', { cwd: join(root, 'lib/modules') })
    .map((path) => basename(dirname(path)))
    .sort();
}
