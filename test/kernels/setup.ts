import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { type Apt, openApt } from './apt.ts';
import { buildKernel } from './built.ts';
import { cacheDirectory } from './cache.ts';
import type { KernelSpec, StockKernel } from './kernel.ts';
import { fetchNode } from './node.ts';
import { makeRoot, unpack } from './root.ts';
import { kernelSpec } from './table.ts';

const kernels = join(cacheDirectory, 'kernel');
const say = (line: string) => void process.stdout.write(`setup: ${line}\n`);

/** Fetches or builds a kernel of the table, and all that it is built and booted with, unless that is there. */
export async function setUpKernel(name: string): Promise<void> {
  const spec = kernelSpec(name);
  const { from } = spec.hardware;
  if (typeof from === 'string') await installPackage(from);
  else await makeRoot(from, say);
  if (spec.builder !== undefined) await makeRoot(spec.builder, say);
  if (spec.userland !== undefined) {
    await makeRoot(spec.userland.root, say);
    await fetchNode(spec.userland, say);
  }
  const links = [name, `${name}.previous`];
  if (links.every((link) => existsSync(join(kernels, link)))) return;
  await mkdir(kernels, { recursive: true });
  const releases = await fetchKernel(name, spec);
  // Only now, so that an interrupted run leaves nothing that looks like a kernel.
  for (const [index, link] of links.entries()) await linkTo(releases[index] as string, join(kernels, link));
}

/** Gives the releases of the kernel and of the one before it, which are then in directories of these names. */
async function fetchKernel(name: string, { architecture, builder, from }: KernelSpec): Promise<string[]> {
  if ('flavour' in from) {
    if (builder === undefined) throw new Error(`${name}: a kernel is built in a builder`);
    return buildKernel(from, architecture, await makeRoot(builder, say), say);
  }
  const apt = await openApt(from.suites, architecture);
  const [release, previous] = await newestReleases(apt, from);
  if (release === undefined || previous === undefined) {
    throw new Error(`${name}: the Debian archive does not have two such kernels`);
  }
  await unpackStock(apt, release, [`linux-image-${release}`, `linux-headers-${release}`]);
  await unpackStock(apt, previous, [`linux-image-${previous}`]);
  return [release, previous];
}

async function newestReleases(apt: Apt, { release }: StockKernel): Promise<string[]> {
  const names = await apt.names('linux-image-');
  return names
    .map((name) => name.slice('linux-image-'.length))
    .filter((name) => release.test(name))
    .sort((one, other) => other.localeCompare(one, 'en', { numeric: true }));
}

async function unpackStock(apt: Apt, release: string, packages: string[]): Promise<void> {
  const tree = join(kernels, release);
  const headers = `usr/src/linux-headers-${release}`;
  const isWhole = packages.length === 1 || existsSync(join(tree, headers));
  if (existsSync(tree) && isWhole) return;
  const work = await mkdtemp(join(kernels, 'unpacking.'));
  try {
    say(`downloading the Debian kernel ${release}`);
    const files = await apt.download(await withParts(apt, packages), work);
    say(`unpacking it into ${tree}`);
    await unpack(files, join(work, 'tree'));
    await makeUsable(join(work, 'tree'), release, headers);
    await rm(tree, { recursive: true, force: true });
    await rename(join(work, 'tree'), tree);
  } finally {
    await rm(work, { recursive: true });
  }
}

/** A package of a kernel comes in parts, of which each depends on others. */
async function withParts(apt: Apt, packages: readonly string[]): Promise<string[]> {
  const all = new Set(packages);
  for (const name of all) {
    for (const part of await apt.dependencies(name)) {
      if (/^linux-(binary|modules|base|headers|kbuild)-\d/.test(part)) all.add(part);
    }
  }
  return [...all];
}

async function makeUsable(tree: string, release: string, headers: string): Promise<void> {
  // From Debian 13 on all is under usr; depmod looks in lib.
  if (!existsSync(join(tree, 'lib'))) await symlink('usr/lib', join(tree, 'lib'));
  await execa`depmod -b ${tree} ${release}`;
  if (!existsSync(join(tree, headers))) return;
  // The headers name each other by the paths of installed ones; here they are found beside this one.
  const makefile = join(tree, headers, 'Makefile');
  const text = await readFile(makefile, 'utf8');
  const beside = '$(dir $(realpath $(lastword $(MAKEFILE_LIST))))../';
  await writeFile(makefile, text.replaceAll('/usr/src/', beside));
  // With the kernel's types at hand the build makes BTF of them, which takes pahole and is of no use here.
  await rm(join(tree, headers, 'vmlinux'), { force: true });
}

/** Without root, it says what is missing. */
async function installPackage(name: string): Promise<void> {
  const { stdout } = await execa({ reject: false })`dpkg-query --status ${name}`;
  if (stdout.includes('\nStatus: install ok installed\n')) return;
  if (process.getuid?.() !== 0) throw new Error(`missing Debian package: apt-get install ${name}`);
  say(`installing ${name}`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await execa({ env })`apt-get install -y --no-install-recommends ${name}`;
}

async function linkTo(target: string, link: string): Promise<void> {
  await symlink(target, `${link}.${process.pid}`);
  await rename(`${link}.${process.pid}`, link);
}

if (import.meta.main) {
  for (const name of process.argv.slice(2)) await setUpKernel(name);
  say(`ready (kernels ${(await readdir(kernels)).join(', ')})`);
}
