import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { debianKernel, type KernelTree, runForKernel } from '../kernel/debian-kernel.ts';
import { cacheDirectory } from './cache.ts';
import { unpackSource } from './source.ts';
import { kernelSpec } from './table.ts';

/** Where a kernel's source has the modules of its own tests of live patching: up to 6.8, and since. */
const PLACES = ['lib/livepatch', 'tools/testing/selftests/livepatch/test_modules'];

/**
 * Compiles the modules of the kernel's own tests of live patching, as in `test_klp_livepatch`, against its headers.
 * Their source is Debian's package of the kernel's; nothing of it is kept here. Gives the files, unsigned, by the name
 * of the module. Takes a minute, or two, the first time. Throws execa's error with the compiler's words.
 */
export async function selftestModules(kernel: KernelTree): Promise<Map<string, string>> {
  const built = join(cacheDirectory, 'selftests', kernel.release);
  if (!existsSync(built)) await build(kernel, built);
  const files = (await readdir(built)).filter((name) => name.endsWith('.ko'));
  return new Map(files.sort().map((file) => [basename(file, '.ko'), join(built, file)]));
}

async function build(kernel: KernelTree, to: string): Promise<void> {
  const { architecture, from } = kernelSpec(kernel.name);
  const [version = ''] = /^\d+\.\d+/.exec(kernel.release) ?? [];
  const source = `linux-source-${version}`;
  const work = await mkdtemp(join(tmpdir(), 'livepatch-selftests-'));
  try {
    const whole = join(cacheDirectory, 'source', source);
    const tree = existsSync(whole) ? whole : join(work, 'linux');
    await unpackSource({ source, suites: from.suites, architecture }, tree, ['*/livepatch/*']);
    const place = PLACES.find((place) => existsSync(join(tree, place)));
    if (place === undefined) throw new Error(`${source} has no tests of live patching`);
    const directory = join(work, 'modules');
    await cp(join(tree, place), directory, { recursive: true });
    const names = (await readdir(directory)).filter((name) => name.endsWith('.c'));
    const objects = names.map((name) => name.replace(/c$/, 'o'));
    // Their own Makefile goes by the kernel's configuration, or by what is installed.
    await writeFile(join(directory, 'Kbuild'), `obj-m := ${objects.join(' ')}\n`);
    await runForKernel(kernel, ['make', '-C', kernel.build, `M=${directory}`, ...kernel.make, 'modules']);
    await mkdir(join(cacheDirectory, 'selftests'), { recursive: true });
    await rm(to, { recursive: true, force: true });
    await rename(directory, to);
  } finally {
    await rm(work, { recursive: true });
  }
}

if (import.meta.main) {
  const modules = await selftestModules(debianKernel());
  process.stdout.write([...modules].map(([name, file]) => `${name} ${file}\n`).join(''));
}
