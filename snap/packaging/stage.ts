import { X509Certificate } from 'node:crypto';
import { globSync } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { execa } from 'execa';
import { DEB, DEBIAN_HOME, type FileRule, SNAP } from './files.ts';
import { thirdPartyLicenses } from './licenses.ts';
import { billOfMaterials } from './sbom.ts';

const CHECKOUT = join(import.meta.dirname, '../..');

/** What is laid out, and where each of them has the program and the licences. */
const LAYOUTS = {
  snap: { rules: SNAP, home: '', licenses: 'licenses' },
  deb: { rules: DEB, home: DEBIAN_HOME, licenses: 'usr/share/doc/canonical-livepatch' },
} satisfies Record<string, { rules: FileRule[]; home: string; licenses: string }>;

export type Layout = keyof typeof LAYOUTS;

/**
 * Lays out what `npm run build` has made, and Node with it, as a package has it.
 * @param tree the package's root.
 */
export async function stage(layout: Layout, tree: string): Promise<void> {
  const { rules, home, licenses } = LAYOUTS[layout];
  for (const rule of rules) await install(rule, tree);
  await certificatesAsDer(join(tree, home, 'keys'));
  await installNode(join(tree, home), join(tree, licenses));
  await write(join(tree, home, 'sbom.cdx.json'), await billOfMaterials(CHECKOUT), 0o644);
  await write(join(tree, licenses, 'third-party'), await thirdPartyLicenses(CHECKOUT), 0o644);
}

async function install(
  { base = CHECKOUT, from, to, mode = 0o644, optional = false }: FileRule,
  tree: string,
): Promise<void> {
  const files = globSync(from, { cwd: base }).sort();
  if (files.length === 0 && !optional) throw new Error(`there is no ${from}; run npm run build first`);
  for (const file of files) {
    const path = join(tree, to === '' || to.endsWith('/') ? join(to, basename(file)) : to);
    await write(path, await readFile(join(base, file)), mode);
  }
}

async function write(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  await chmod(path, mode);
}

/** `mokutil --import` takes nothing but DER: beside each `name.pem` lies `name.der`, the next of a bundle `name-2.der`. */
export async function certificatesAsDer(directory: string): Promise<void> {
  const pems = await readdir(directory).catch(() => []);
  for (const file of pems.filter((name) => name.endsWith('.pem'))) {
    const text = await readFile(join(directory, file), 'utf8');
    const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
    for (const [index, block] of blocks.entries()) {
      const name = `${basename(file, '.pem')}${index === 0 ? '' : `-${index + 1}`}.der`;
      await write(join(directory, name), new X509Certificate(block).raw, 0o644);
    }
  }
}

/** Node as package.json brings it. Its symbols are a fifth of it. */
async function installNode(home: string, licenses: string): Promise<void> {
  const node = await realpath(process.execPath);
  await mkdir(join(home, 'bin'), { recursive: true });
  await execa('strip', ['--strip-unneeded', '--remove-section=.comment', '-o', join(home, 'bin/node'), node]);
  await chmod(join(home, 'bin/node'), 0o755);
  await mkdir(licenses, { recursive: true });
  await copyFile(join(dirname(node), '../LICENSE'), join(licenses, 'node'));
}

if (import.meta.main) {
  const [layout, tree] = process.argv.slice(2);
  if (tree === undefined || (layout !== 'snap' && layout !== 'deb'))
    throw new Error('stage.ts snap|deb TREE');
  await stage(layout, tree);
}
