import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa, type Result } from 'execa';
import { type Architecture, openApt } from './apt.ts';
import { cacheDirectory } from './cache.ts';

/** A Debian to be unpacked: what to build in, or what a guest lives in. */
export interface RootSpec {
  /** As in `builder`: its directory begins so. */
  name: string;
  suites: readonly string[];
  architecture: Architecture;
  /** Come with all that they need. */
  packages: readonly string[];
  /** Come without what they say they need. */
  alone?: readonly string[];
}

/** Where that Debian is, or will be, once it is made. A change of the description is another place. */
export function rootDirectory(spec: RootSpec): string {
  const digest = createHash('sha256').update(JSON.stringify(spec)).digest('hex').slice(0, 8);
  return join(cacheDirectory, 'root', `${spec.name}-${digest}`);
}

/** Unpacks that Debian unless it is there. No maintainer script runs, so nothing in it is configured. */
export async function makeRoot(spec: RootSpec, say: (line: string) => void): Promise<string> {
  const root = rootDirectory(spec);
  if (existsSync(root)) return root;
  await mkdir(join(cacheDirectory, 'root'), { recursive: true });
  const work = await mkdtemp(join(cacheDirectory, 'root/unpacking.'));
  try {
    say(`downloading ${spec.name} (${spec.suites[0]}, ${spec.architecture})`);
    const apt = await openApt(spec.suites, spec.architecture);
    const packages = join(work, 'packages');
    await apt.downloadWithDependencies(['base-files', ...spec.packages], packages);
    const files = await apt.download(spec.alone ?? [], packages);
    say(`unpacking ${files.length} packages into ${root}`);
    await unpack(files, join(work, 'tree'));
    await rename(join(work, 'tree'), root);
    return root;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** base-files first: it has the links /bin → usr/bin and so on, and what others put there has to follow them. */
export async function unpack(files: readonly string[], tree: string): Promise<void> {
  await mkdir(tree, { recursive: true });
  const first = files.filter((file) => file.includes('/base-files_'));
  for (const file of new Set([...first, ...files])) await execa`dpkg-deb -x ${file} ${tree}`;
  // What maintainer scripts would have linked.
  for (const [name, target] of [
    ['awk', 'gawk'],
    ['gcc', 'gcc-12'],
    ['cc', 'gcc'],
  ] as const) {
    const link = join(tree, 'usr/bin', name);
    if (existsSync(join(tree, 'usr/bin', target)) && !existsSync(link)) await symlink(target, link);
  }
  if (existsSync(join(tree, 'etc'))) await writeFile(join(tree, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\n');
}

/**
 * Runs a program of an unpacked Debian, by chroot, with the cache and the directory of temporary files in their places.
 * Needs root. Throws execa's error with what the program said.
 */
export async function runIn(root: string, command: readonly string[], directory: string): Promise<Result> {
  // The mounts end with the program: they are in a namespace of its own.
  const script = `
    root=$1 directory=$2; shift 2
    for each in /dev /proc ${quote(tmpdir())} ${quote(cacheDirectory)}; do
      mkdir -p "$root$each"
      mount --rbind "$each" "$root$each"
    done
    exec chroot "$root" /bin/sh -c 'cd "$0" && exec "$@"' "$directory" "$@"
  `;
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', LC_ALL: 'C.UTF-8' };
  const words = ['--mount', 'sh', '-euc', script, 'sh', root, directory, ...command];
  return execa('unshare', words, { env, extendEnv: false, maxBuffer: 100_000_000 });
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
