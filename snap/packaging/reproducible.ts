import { chmod, lutimes, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

/**
 * The moment that everything in a package is dated to, in seconds since 1970: SOURCE_DATE_EPOCH
 * (https://reproducible-builds.org/specs/source-date-epoch/), else that of the last commit.
 */
export async function sourceDateEpoch(): Promise<number> {
  const given = process.env.SOURCE_DATE_EPOCH;
  const text =
    given ?? (await execa('git', ['log', '-1', '--format=%ct'], { cwd: import.meta.dirname })).stdout;
  if (!/^\d+$/.test(text)) throw new Error(`SOURCE_DATE_EPOCH is not a number of seconds: ${text}`);
  return Number(text);
}

/** Makes what a tree says of its making the same each time: times, and modes whatever the umask. */
export async function normalize(tree: string, epoch: number): Promise<void> {
  await chmod(tree, 0o755);
  for (const entry of await readdir(tree, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) await chmod(path, 0o755);
    if (entry.isFile()) await chmod(path, (await stat(path)).mode & 0o100 ? 0o755 : 0o644);
    await lutimes(path, epoch, epoch);
  }
  await lutimes(tree, epoch, epoch);
}
