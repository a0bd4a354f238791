import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { parse, stringify } from 'yaml';
import { normalize, sourceDateEpoch } from './packaging/reproducible.ts';

/**
 * Builds the snap from snapcraft.yaml where there is no snapcraft: the same steps, with this machine's Debian packages
 * in place of the base's. `npm run snap` runs this; an argument is the directory that the snap goes to, by default the
 * current one.
 */

const CHECKOUT = join(import.meta.dirname, '..');

interface Part {
  'stage-packages': string[];
  'override-build': string;
}

/** What of snapcraft.yaml tells how to build, and so does not go into the snap's own meta/snap.yaml. */
interface Recipe {
  'adopt-info': string;
  compression: string;
  parts: Record<string, Part>;
  platforms: unknown;
}

const tree = await mkdtemp(join(tmpdir(), 'canonical-livepatch-snap-'));
try {
  await chmod(tree, 0o755);
  const { parts, 'adopt-info': _, platforms: __, compression, ...description } = await readRecipe();
  let version = '';
  for (const part of Object.values(parts)) version = await build(part);
  await writeMeta({ ...description, version, architectures: [await architecture()] });
  const epoch = await sourceDateEpoch();
  await normalize(tree, epoch);
  const words = ['pack', `--compression=${compression}`, tree, process.argv[2] ?? '.'];
  // mksquashfs sorts by name; this is the time that it stamps the file system with.
  const { stdout } = await execa('snap', words, { env: { SOURCE_DATE_EPOCH: String(epoch) } });
  process.stdout.write(`${stdout}\n`);
} finally {
  await rm(tree, { recursive: true });
}

async function readRecipe(): Promise<Recipe & Record<string, unknown>> {
  return parse(await readFile(join(import.meta.dirname, 'snapcraft.yaml'), 'utf8'));
}

/** Unpacks a part's packages into the tree and runs its script there. Returns the version that the script set. */
async function build(part: Part): Promise<string> {
  const work = await mkdtemp(join(tmpdir(), 'canonical-livepatch-part-'));
  try {
    await execa('apt-get', ['-o', 'APT::Sandbox::User=root', 'download', ...part['stage-packages']], {
      cwd: work,
    });
    for (const file of await readdir(work)) await execa('dpkg-deb', ['-x', join(work, file), tree]);
    const craftctl = join(work, 'craftctl');
    await writeFile(craftctl, '#!/bin/sh\necho "$2" | cut -d= -f2 >"$0.version"\n', { mode: 0o755 });
    await execa('sh', ['-eu', '-c', part['override-build']], {
      cwd: CHECKOUT,
      env: { CRAFT_PART_BUILD: CHECKOUT, CRAFT_PART_INSTALL: tree, PATH: `${work}:${process.env.PATH}` },
      stdout: 'ignore',
      stderr: 'inherit',
    });
    return (await readFile(`${craftctl}.version`, 'utf8')).trim();
  } finally {
    await rm(work, { recursive: true });
  }
}

async function writeMeta(description: object): Promise<void> {
  const hooks = join(import.meta.dirname, 'hooks');
  await mkdir(join(tree, 'meta/hooks'), { recursive: true });
  for (const hook of await readdir(hooks)) await copyFile(join(hooks, hook), join(tree, 'meta/hooks', hook));
  await writeFile(join(tree, 'meta/snap.yaml'), stringify(description, { aliasDuplicateObjects: false }));
}

/** Debian's name for this machine's architecture, which is also snapd's. */
async function architecture(): Promise<string> {
  return (await execa`dpkg --print-architecture`).stdout;
}
