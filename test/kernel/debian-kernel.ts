import { existsSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Architecture } from '../kernels/apt.ts';
import { cacheDirectory } from '../kernels/cache.ts';
import type { Hardware } from '../kernels/hardware.ts';
import { nodeDirectory } from '../kernels/node.ts';
import { rootDirectory, runIn } from '../kernels/root.ts';
import { DEFAULT_KERNEL, kernelSpec } from '../kernels/table.ts';

export { cacheDirectory };

/** A kernel and what it takes to build modules for it and to boot it; all paths absolute. */
export interface KernelTree {
  /** As in test/kernels/table.ts. */
  name: string;
  architecture: Architecture;
  /** `uname -r` */
  release: string;
  /** The bzImage, or what the architecture has in its place. */
  image: string;
  /** lib/modules/<release>, with the indexes of depmod. */
  modules: string;
  /** The headers: `make -C` builds a module here. */
  build: string;
  /** What make has to know besides, as in `ARCH=arm64`. */
  make: readonly string[];
  /** The kernel's own scripts/sign-file; runForKernel runs it. */
  signFile: string;
  /** The Debian that programs of the headers run in; undefined when they run on this machine. */
  builder: string | undefined;
  hardware: Hardware;
  /** The Debian that the guest lives in, and the directory of its Node; undefined when that is this machine's root. */
  userland: { root: string; node: string } | undefined;
}

/**
 * The kernel that LIVEPATCH_KERNEL names, or the one before it, without headers. Throws when setup has not fetched it.
 */
export function debianKernel(which: 'current' | 'previous' = 'current'): KernelTree {
  const name = process.env.LIVEPATCH_KERNEL || DEFAULT_KERNEL;
  const { architecture, builder, from, hardware, userland } = kernelSpec(name);
  const release = releaseOf(which === 'current' ? name : `${name}.previous`);
  const tree = join(cacheDirectory, 'kernel', release);
  const build = 'flavour' in from ? join(tree, 'build') : join(tree, 'usr/src', `linux-headers-${release}`);
  const modules = join(tree, 'lib/modules', release);
  const image = join(tree, 'boot', `vmlinuz-${release}`);
  return {
    name,
    architecture,
    release,
    // From 7.x on Debian has it beside the modules.
    image: existsSync(image) ? image : join(modules, 'vmlinuz'),
    modules,
    build,
    make: 'flavour' in from ? from.make : [],
    signFile: join(build, 'scripts/sign-file'),
    builder: builder === undefined ? undefined : rootDirectory(builder),
    hardware,
    userland:
      userland === undefined
        ? undefined
        : { root: rootDirectory(userland.root), node: nodeDirectory(userland) },
  };
}

/**
 * Runs a program of the kernel's headers where it can run. What it is to read and write has to be in the cache or in
 * the directory of temporary files. Throws execa's error with what it said.
 */
export async function runForKernel(kernel: KernelTree, command: readonly string[]): Promise<void> {
  const [program = '', ...words] = command;
  if (kernel.builder === undefined) await execa(program, words);
  else await runIn(kernel.builder, command, '/');
}

/** A program of the binutils, by the name that it has where modules are built for this kernel. */
export function binutil(name: string, { make }: KernelTree): string {
  const prefix = make.find((word) => word.startsWith('CROSS_COMPILE='))?.split('=')[1] ?? '';
  return `${prefix}${name}`;
}

function releaseOf(link: string): string {
  try {
    return readlinkSync(join(cacheDirectory, 'kernel', link));
  } catch (cause) {
    throw new Error(`No kernel ${link} is there: run \`npm run setup\``, { cause });
  }
}
