import { readlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** A kernel and what it takes to build modules for it; all paths absolute. */
export interface KernelTree {
  /** `uname -r` */
  release: string;
  /** The bzImage. */
  image: string;
  /** lib/modules/<release>, with the indexes of depmod. */
  modules: string;
  /** The headers: `make -C` builds a module here. */
  build: string;
  /** The kernel's own scripts/sign-file. */
  signFile: string;
}

/** Where test/setup.sh and the test rig keep what is costly to make again. */
export const cacheDirectory = join(
  process.env.XDG_CACHE_HOME || join(homedir(), '.cache'),
  'canonical-livepatch',
);

/** The stock Debian kernel that test/setup.sh unpacked, or the one before it, without headers. Throws when it has not. */
export function debianKernel(which: 'current' | 'previous' = 'current'): KernelTree {
  const release = releaseOf(which);
  const tree = join(cacheDirectory, 'kernel', release);
  const build = join(tree, 'usr/src', `linux-headers-${release}`);
  return {
    release,
    image: join(tree, 'boot', `vmlinuz-${release}`),
    modules: join(tree, 'lib/modules', release),
    build,
    signFile: join(build, 'scripts/sign-file'),
  };
}

function releaseOf(which: string): string {
  try {
    return readlinkSync(join(cacheDirectory, 'kernel', which));
  } catch (cause) {
    throw new Error('No Debian kernel is unpacked: run `npm run setup`', { cause });
  }
}
