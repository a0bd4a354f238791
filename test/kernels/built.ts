import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Architecture } from './apt.ts';
import { cacheDirectory } from './cache.ts';
import type { BuiltKernel } from './kernel.ts';
import { compileForKlp, KLP_MAKE } from './klp.ts';
import { runIn } from './root.ts';
import { unpackSource } from './source.ts';

const CONFIG = join(import.meta.dirname, 'config');

/**
 * Builds a kernel twice, of two releases: the one to patch, and one that a machine may have run before. Gives the
 * releases, in this order. Takes minutes; throws execa's error with the compiler's words.
 */
export async function buildKernel(
  kernel: BuiltKernel,
  architecture: Architecture,
  builder: string,
  say: (line: string) => void,
): Promise<string[]> {
  // One tree for all architectures: what is built goes elsewhere.
  const source = join(cacheDirectory, 'source', kernel.source);
  say(`fetching ${kernel.source}`);
  await unpackSource({ ...kernel, architecture }, source);
  const kernels = join(cacheDirectory, 'kernel');
  const build = join(kernels, `${kernel.flavour}.build`);
  // What klp-build leaves when it is interrupted is source with a patch in it, and compiled.
  if (kernel.klp) await rm(build, { recursive: true, force: true });
  await mkdir(build, { recursive: true });
  if (kernel.klp) await execa`cp --archive ${source}/. ${build}`;
  const fragments = kernel.fragments.map((name) => `${name}.config`);
  for (const name of fragments) await copyFile(join(CONFIG, name), join(build, name));

  const where = kernel.klp ? ['-C', build, KLP_MAKE] : ['-C', source, `O=${build}`];
  const make = ['make', ...where, ...kernel.make].join(' ');
  await inBuilder(`
    ${make} allnoconfig
    ${source}/scripts/kconfig/merge_config.sh -m -O . .config ${fragments.join(' ')}
    ${make} olddefconfig
  `);
  if (kernel.klp) {
    say(`building Linux ${kernel.flavour} by klp-build, which takes about 10 minutes`);
    await compileForKlp(builder, build, kernel.flavour);
  }
  // The one before comes first, so that what is left to build modules with is of the other.
  const releases: string[] = [];
  for (const [index, flavour] of [`before-${kernel.flavour}`, kernel.flavour].entries()) {
    say(`building Linux ${flavour}${index === 0 ? ', which takes about 10 minutes' : ''}`);
    const versioned = `${make} LOCALVERSION=-${flavour}`;
    await inBuilder(`${versioned} -j$(nproc) ${kernel.image.target} modules`);
    const { stdout } = await inBuilder(`${versioned} -s kernelrelease`);
    releases.unshift(await install(`${stdout}`.trim(), versioned));
  }
  return releases;

  function inBuilder(script: string) {
    return runIn(builder, ['nice', 'sh', '-euc', script], build);
  }

  async function install(release: string, versioned: string): Promise<string> {
    const tree = join(kernels, release);
    await rm(tree, { recursive: true, force: true });
    await mkdir(join(tree, 'boot'), { recursive: true });
    await copyFile(join(build, 'arch', kernel.image.file), join(tree, 'boot', `vmlinuz-${release}`));
    await inBuilder(`${versioned} INSTALL_MOD_PATH=${tree} modules_install`);
    await execa`ln -sfn ${join('..', `${kernel.flavour}.build`)} ${join(tree, 'build')}`;
    return release;
  }
}
