import { createHash } from 'node:crypto';
import { access, copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { cacheDirectory, type KernelTree } from './debian-kernel.ts';

/** The host's; a guest of another architecture gets its own. */
const BUSYBOX = '/bin/busybox';
const GUEST = join(import.meta.dirname, 'guest');

/** The host's files, the agent's port, the network, the disk. */
export const MODULES: readonly string[] = [
  '9pnet_virtio',
  '9p',
  'overlay',
  'virtio_console',
  'virtio_net',
  'virtio_blk',
  'ext4',
];

/**
 * Makes a guest's initramfs, or finds it in the cache. Returns its path.
 * @param init the first process; it finds the modules, in the order to load them, and the agent.
 */
export async function initramfs(
  kernel: KernelTree,
  init = join(GUEST, 'init'),
  modules = MODULES,
): Promise<string> {
  const all = [...kernel.hardware.modules, ...modules];
  const hash = createHash('sha256').update(JSON.stringify([kernel.release, all]));
  for (const file of [busyboxFor(kernel), init, join(GUEST, 'agent')]) {
    hash.update(await readFile(file));
  }
  const cached = join(cacheDirectory, 'initramfs', `${hash.digest('hex')}.cpio`);
  if (!(await exists(cached))) {
    await mkdir(join(cacheDirectory, 'initramfs'), { recursive: true });
    await writeFile(`${cached}.${process.pid}`, await pack(kernel, init, all));
    await rename(`${cached}.${process.pid}`, cached);
  }
  return cached;
}

/** Not compressed: the guest's processor is emulated, and copying costs nothing. */
async function pack(kernel: KernelTree, init: string, names: readonly string[]): Promise<Uint8Array> {
  const tree = await mkdtemp(join(tmpdir(), 'livepatch-initramfs-'));
  try {
    for (const directory of ['bin', 'modules', 'dev', 'proc', 'sys', 'host', 'upper', 'root']) {
      await mkdir(join(tree, directory));
    }
    await copyFile(busyboxFor(kernel), join(tree, 'bin/busybox'));
    await copyFile(init, join(tree, 'init'));
    await copyFile(join(GUEST, 'agent'), join(tree, 'agent'));
    const modules = await inLoadOrder(names, kernel);
    for (const module of modules) await copyPlain(module, join(tree, 'modules', plainName(module)));
    await writeFile(
      join(tree, 'modules/order'),
      modules.map((module) => `${plainName(module)}\n`),
    );
    const { stdout } = await execa({ cwd: tree, encoding: 'buffer' })`find . -print`.pipe({
      cwd: tree,
      encoding: 'buffer',
    })`${BUSYBOX} cpio -o -H newc`;
    return stdout;
  } finally {
    await rm(tree, { recursive: true });
  }
}

function busyboxFor({ userland }: KernelTree): string {
  return join(userland?.root ?? '/', BUSYBOX);
}

const plainName = (module: string) => basename(module, '.xz');

/** Copies a module, decompressed: busybox inserts it as it is. */
async function copyPlain(module: string, to: string): Promise<void> {
  if (module.endsWith('.xz')) await execa({ stdout: { file: to } })`xz --decompress --stdout ${module}`;
  else await copyFile(module, to);
}

/** The files of these modules and of all that they depend on, each once, dependencies first. */
async function inLoadOrder(names: readonly string[], kernel: KernelTree): Promise<string[]> {
  const root = join(kernel.modules, '../../..');
  const { stdout } = await execa`modprobe -a -d ${root} -S ${kernel.release} --show-depends ${names}`;
  const files = [...stdout.matchAll(/^insmod (\S+)/gm)].map(([, file]) => file ?? '');
  return [...new Set(files)];
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
