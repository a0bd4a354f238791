import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { debianKernel, type KernelTree } from '../kernel/debian-kernel.ts';
import { makeRoot, type RootSpec, runIn } from './root.ts';

/** What kpatch-build calls; it asks for much more, which only a kernel of a distribution takes to build. */
const KPATCH: RootSpec = {
  name: 'kpatch',
  suites: ['trixie'],
  architecture: 'amd64',
  packages: [
    ...[
      'bash',
      'binutils',
      'coreutils',
      'dash',
      'diffutils',
      'elfutils',
      'findutils',
      'gawk',
      'grep',
      'kmod',
    ],
    // The compiler that Debian 12's kernel was built with.
    ...['gcc-12', 'libc-bin', 'libelf-dev', 'make', 'openssl', 'patch', 'patchutils', 'perl', 'rsync', 'sed'],
    ...['util-linux', 'xz-utils'],
  ],
  alone: ['kpatch-build'],
};

/**
 * kpatch-build looks up how large the kernel's tables' entries are in a vmlinux with debugging information: 700 MB, of
 * which these are all that it reads.
 */
const STAND_IN = `
#include <linux/bug.h>
#include <linux/jump_label.h>
#include <linux/module.h>
#include <linux/static_call.h>
#include <linux/uaccess.h>
#include <asm/alternative.h>
#include <asm/extable.h>
#include <asm/orc_types.h>
#include <asm/paravirt.h>
struct alt_instr alternative;
struct bug_entry bug;
struct exception_table_entry exception;
struct jump_entry jump;
struct orc_entry orc;
struct paravirt_patch_site paravirt;
struct static_call_site call;
MODULE_LICENSE("GPL");
`;

/**
 * Makes live patches of a module that is not the kernel's own with kpatch-build, from its source and diffs of that, for
 * Debian 12's kernel: later ones have CONFIG_X86_KERNEL_IBT, which kpatch-build refuses. Takes half a minute, and as much
 * for each patch.
 *
 * @param order `source`: the module's only C file; `diffs`: unified, of that file, by the patch's name in letters, digits
 *   and dashes; `directory`: where the modules are put.
 * @returns the files of the module and of its patches, in the order of the diffs, all unsigned.
 */
export async function kpatchModules(
  kernel: KernelTree,
  order: { source: string; diffs: Readonly<Record<string, string>>; directory: string },
): Promise<{ target: string; patches: string[] }> {
  const root = await makeRoot(KPATCH, () => {});
  const work = await mkdtemp(join(tmpdir(), 'livepatch-kpatch-'));
  try {
    const build = await copyHeaders(kernel, work);
    const module = basename(order.source, '.c');
    // A diff's paths begin at the kernel's tree, so the module has to be in it.
    await writeModule(join(build, module), module);
    await cp(order.source, join(build, module, `${module}.c`));
    await writeModule(join(work, 'stand-in'), 'sizes');
    await writeFile(join(work, 'stand-in/sizes.c'), STAND_IN);
    for (const [name, diff] of Object.entries(order.diffs)) {
      const inTree = diff
        .replace(/^--- .*/m, `--- a/${module}/${module}.c`)
        .replace(/^\+\+\+ .*/m, `+++ b/${module}/${module}.c`);
      await writeFile(join(work, `${name}.diff`), inTree);
    }
    const names = Object.keys(order.diffs);
    await runIn(root, ['bash', '-euc', scriptOf(kernel, { build, module, names, work })], work);
    const made = async (from: string, name: string) => {
      const file = join(order.directory, `${name}.ko`);
      await cp(join(work, from), file);
      return file;
    };
    const target = await made(`original/${module}.ko`, module);
    return { target, patches: await Promise.all(names.map((name) => made(`${name}.ko`, name))) };
  } finally {
    await rm(work, { recursive: true });
  }
}

/** kpatch-build changes the tree that it works in. */
async function copyHeaders({ build, release }: KernelTree, work: string): Promise<string> {
  const usr = join(dirname(build), '..');
  for (const part of ['src', 'lib']) {
    await cp(join(usr, part), join(work, 'usr', part), {
      recursive: true,
      preserveTimestamps: true,
      verbatimSymlinks: true,
    });
  }
  return join(work, 'usr/src', `linux-headers-${release}`);
}

async function writeModule(directory: string, name: string): Promise<void> {
  await mkdir(directory);
  await writeFile(join(directory, 'Makefile'), `obj-m := ${name}.o\n`);
}

function scriptOf(
  { release }: KernelTree,
  { build, module, names, work }: { build: string; module: string; names: string[]; work: string },
): string {
  const directory = join(build, module);
  // Types of BTF would be made from the vmlinux that is not there; versions of symbols are not in patch modules.
  return `
    mkdir -p /lib/modules/${release}
    ln -sfn ${build} /lib/modules/${release}/build
    make -C ${build} M=${work}/stand-in modules
    make -C ${build} M=${directory} modules
    mkdir original
    cp ${directory}/${module}.ko original
    grep -vE 'DEBUG_INFO_BTF|MODVERSIONS' ${build}/.config >config
    for name in ${names.join(' ')}; do
      CACHEDIR=${work}/cache kpatch-build --skip-compiler-check --config config --vmlinux stand-in/sizes.ko \\
        --oot-module original/${module}.ko --oot-module-src ${directory} \\
        --target M=${directory} --target modules --name $name --output ${work} $name.diff ||
        { cat cache/build.log; exit 1; }
    done
  `;
}

if (import.meta.main) {
  const [source = '', diff = '', name = '', directory = ''] = process.argv.slice(2);
  const { readFile } = await import('node:fs/promises');
  const diffs = { [name]: await readFile(diff, 'utf8') };
  const { patches, target } = await kpatchModules(debianKernel(), { source, diffs, directory });
  process.stdout.write(`${target}\n${patches.join('\n')}\n`);
}
