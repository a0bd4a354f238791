import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { type Architecture, openApt } from './apt.ts';

/**
 * Unpacks a kernel's source, as Debian packages it, into a directory that is not there yet.
 *
 * @param from what the package is called, and where it is.
 * @param only patterns of paths, as `tar --wildcards` has them; all of it without any.
 */
export async function unpackSource(
  from: { source: string; suites: readonly string[]; architecture: Architecture },
  directory: string,
  only: readonly string[] = [],
): Promise<void> {
  if (existsSync(directory)) return;
  await mkdir(dirname(directory), { recursive: true });
  const work = await mkdtemp(join(dirname(directory), 'unpacking.'));
  try {
    const apt = await openApt(from.suites, from.architecture);
    const [file = ''] = await apt.download([from.source], work);
    await execa`dpkg-deb -x ${file} ${join(work, 'package')}`;
    const archive = join(work, 'package/usr/src', `${from.source}.tar.xz`);
    await mkdir(join(work, 'source'));
    const words = ['--extract', '--directory', join(work, 'source'), '--file', archive];
    await execa('tar', only.length === 0 ? words : [...words, '--wildcards', ...only]);
    const [root = ''] = await readdir(join(work, 'source'));
    await rename(join(work, 'source', root), directory);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
