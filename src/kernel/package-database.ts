import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { LIMITS } from '../limits.ts';
import { snapFrom } from '../snapd/environment.ts';
import { readStartOf } from './read.ts';

const FILE = 'var/lib/dpkg/status';

/** Inside a snap /var/lib/dpkg is the base's; the host's is elsewhere, and takes the plug dpkg-status. */
function statusFile(): string {
  return snapFrom(process.env) === undefined ? FILE : join('var/lib/snapd/hostfs', FILE);
}

/**
 * The kernels that are installed as Debian packages, by release.
 * @returns undefined where there is no such database, where it may not be read, or where it is beyond all bounds.
 */
export function kernelsOfDpkg(root: string): string[] | undefined {
  try {
    const fd = openSync(join(root, statusFile()), constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile() || stat.size > LIMITS.kernel.packagesBytes) return undefined;
      return kernelPackages(readStartOf(fd, stat.size));
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
}

/**
 * A package that holds a kernel's image is named after its release; without one it is a metapackage, such as
 * linux-image-generic or linux-image-6.12-amd64. The image that is not signed for Secure Boot is `linux-image-unsigned-…` at Ubuntu, `…-unsigned`
 * at Debian.
 */
const KERNEL_PACKAGE =
  /^Package: linux-image-(?:unsigned-)?(\d+\.\d+\.\d+\S*?)(?:-unsigned)?(-dbg|-dbgsym)?$/m;

/** In these states the files of a package are there, and its scripts have run (dpkg(1)). */
const INSTALLED = /^Status: \S+ ok (?:installed|triggers-awaited|triggers-pending)$/m;

const ANY_IMAGE = 'Package: linux-image-';
const END = '\n\n';

/**
 * Few of some thousand paragraphs are decoded: `status` waits for this.
 * @param status paragraphs of fields, with an empty line between them (deb-control(5)). What is looked for is ASCII.
 */
export function kernelPackages(status: Buffer): string[] {
  const releases = new Set<string>();
  for (let at = status.indexOf(ANY_IMAGE); at !== -1; at = status.indexOf(ANY_IMAGE, at + 1)) {
    const start = Math.max(status.lastIndexOf(END, at), 0);
    const end = status.indexOf(END, at);
    const paragraph = status.toString('latin1', start, end === -1 ? undefined : end);
    const [, release, symbols] = KERNEL_PACKAGE.exec(paragraph) ?? [];
    if (release !== undefined && symbols === undefined && INSTALLED.test(paragraph)) releases.add(release);
  }
  return [...releases].sort();
}
