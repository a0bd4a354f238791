import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KernelTree } from '../kernel/debian-kernel.ts';
import { diffOf } from '../patches/diff.ts';
import { runIn } from './root.ts';

/** How klp-build compiles a kernel to compare it with another. */
export const KLP_MAKE = `KLP_SYMIDS=1 KCFLAGS='-ffunction-sections -fdata-sections'`;

/** What klp-build keeps of the kernel as it is. */
const ORIGINAL = 'klp-tmp/1-orig';

/** A diff of /proc/version, in a kernel's tree, that has it say this. */
export function versionDiff(tree: string, text: string): Promise<string> {
  const file = 'fs/proc/version.c';
  return diffOf(join(tree, file), file, 'seq_printf(m, linux_proc_banner,', `seq_printf(m, "${text}\\n", `);
}

/** Compiles a kernel, of this flavour, in its tree as klp-build wants it. It cleans the tree first, so it is to come first. */
export async function compileForKlp(builder: string, tree: string, flavour: string): Promise<void> {
  const diff = await versionDiff(tree, 'patched');
  await runKlpBuild({ builder, tree, flavour, diff, step: 1, output: join(tree, 'first.ko') });
}

/**
 * Makes live patches with klp-build, of a kernel that was built in a tree for it, from diffs of its source. Takes a
 * minute or two each. Throws execa's error with klp-build's words.
 *
 * @param order `diffs`: unified, by the patch's name in letters, digits and dashes; `directory`: where modules are put.
 * @returns the files of the modules, unsigned, in the order of the diffs.
 */
export async function klpModules(
  { build: tree, builder }: KernelTree,
  order: { flavour: string; diffs: Readonly<Record<string, string>>; directory: string },
): Promise<string[]> {
  if (builder === undefined) throw new Error('klp-build runs in a builder');
  const files: string[] = [];
  for (const [name, diff] of Object.entries(order.diffs)) {
    const output = join(order.directory, `${name}.ko`);
    await runKlpBuild({ builder, tree, flavour: order.flavour, diff, step: 2, output });
    files.push(output);
  }
  return files;
}

/** @param order `step`: 1 compiles the kernel as it is, too; 2 is content with what is in the tree of an earlier run. */
async function runKlpBuild(order: {
  builder: string;
  tree: string;
  flavour: string;
  diff: string;
  step: 1 | 2;
  output: string;
}): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'livepatch-klp-'));
  try {
    const file = join(work, 'fix.diff');
    await writeFile(file, order.diff);
    const words = `--keep-tmp --short-circuit ${order.step} --output ${order.output} ${file}`;
    const script = `
      mkdir -p ${ORIGINAL}
      LOCALVERSION=-${order.flavour} nice scripts/livepatch/klp-build ${words}
    `;
    // It looks for objects under the directory's own name, by a find that follows no link.
    await runIn(order.builder, ['bash', '-euc', script], await realpath(order.tree));
  } finally {
    await rm(work, { recursive: true });
  }
}
