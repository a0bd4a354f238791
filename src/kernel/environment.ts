import { join } from 'node:path';

/**
 * What kmod and dmesg are run with. Nothing of our own environment: no proxy password and no token reaches a child, and
 * what root runs is never looked for on the caller's PATH. In a snap its own programs come first.
 */
export function environmentUnder(root: string): { PATH: string; LC_ALL: string } {
  const prefixes = [process.env.SNAP, join(root, 'usr'), root].filter((prefix) => prefix !== undefined);
  const directories = prefixes.flatMap((prefix) => [join(prefix, 'sbin'), join(prefix, 'bin')]);
  return { PATH: directories.join(':'), LC_ALL: 'C' };
}
