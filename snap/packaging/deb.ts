import { createHash } from 'node:crypto';
import { globSync } from 'node:fs';
import { chmod, copyFile, lstat, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { execa } from 'execa';
import manifest from '../../package.json' with { type: 'json' };
import { normalize, sourceDateEpoch } from './reproducible.ts';
import { stage } from './stage.ts';

/**
 * Builds the Debian package from what `npm run build` has made, with dpkg-deb and nothing else. `npm run deb` runs this;
 * an argument is the directory that the package goes to, by default the current one.
 */

const SCRIPTS = ['postinst', 'prerm', 'postrm'];

const tree = await mkdtemp(join(tmpdir(), 'canonical-livepatch-deb-'));
try {
  await stage('deb', tree);
  // What `purge` removes last; the services and the client make what is in it.
  await mkdir(join(tree, 'var/lib/canonical-livepatch'), { recursive: true });
  const epoch = await sourceDateEpoch();
  const maintainer = await maintainerOf();
  const documents = join(tree, 'usr/share/doc', manifest.name);
  await writeFile(join(documents, 'changelog'), changelog(maintainer, epoch));
  // Debian Policy 12.1 and 12.7.
  await compress(join(tree, 'usr/share/man/man1'), '*.1');
  await compress(documents, '{changelog,CHANGELOG.md}');
  const architecture = (await execa`dpkg --print-architecture`).stdout;
  await writeControl(architecture, maintainer);
  await normalize(tree, epoch);
  const file = resolve(process.argv[2] ?? '.', `${manifest.name}_${manifest.version}_${architecture}.deb`);
  // xz cuts into as many blocks as there are processors, and takes a minute with one; zstd is not read everywhere yet.
  const words = ['--root-owner-group', '-Zgzip', '--build', tree, file];
  await execa('dpkg-deb', words, { env: { SOURCE_DATE_EPOCH: String(epoch) } });
  process.stdout.write(`built: ${file}\n`);
} finally {
  await rm(tree, { recursive: true });
}

async function writeControl(architecture: string, maintainer: string): Promise<void> {
  const debian = join(tree, 'DEBIAN');
  const files = globSync('**', { cwd: tree }).sort();
  const sizes: number[] = [];
  const sums: string[] = [];
  for (const file of files) {
    if (!(await lstat(join(tree, file))).isFile()) continue;
    const content = await readFile(join(tree, file));
    sizes.push(Math.ceil(content.length / 1024));
    sums.push(`${createHash('md5').update(content).digest('hex')}  ${file}\n`);
  }
  await mkdir(debian);
  await writeFile(join(debian, 'md5sums'), sums.join(''));
  await writeFile(
    join(debian, 'control'),
    control(
      architecture,
      maintainer,
      sizes.reduce((a, b) => a + b, 0),
    ),
  );
  for (const script of SCRIPTS) {
    await copyFile(join(import.meta.dirname, 'debian', script), join(debian, script));
    await chmod(join(debian, script), 0o755);
  }
}

/** Who builds the package, as Debian's tools have it: DEBFULLNAME, DEBEMAIL; else the author of the last commit. */
async function maintainerOf(): Promise<string> {
  const { DEBEMAIL: email, DEBFULLNAME: name = email } = process.env;
  if (email !== undefined) return `${name} <${email}>`;
  return (await execa('git', ['log', '-1', '--format=%an <%ae>'], { cwd: import.meta.dirname })).stdout;
}

/** Debian Policy 4.4: one entry, of this version. What has changed is in CHANGELOG.md, beside it. */
function changelog(maintainer: string, epoch: number): string {
  const date = new Date(epoch * 1000).toUTCString().replace('GMT', '+0000');
  return `${manifest.name} (${manifest.version}) unstable; urgency=medium

  * See CHANGELOG.md.gz.

 -- ${maintainer}  ${date}
`;
}

/** kmod inserts and removes; the rest is what Node is linked to. flock and dmesg are essential. */
function control(architecture: string, maintainer: string, kibibytes: number): string {
  const fields = {
    Package: manifest.name,
    Version: manifest.version,
    Architecture: architecture,
    Maintainer: maintainer,
    'Installed-Size': String(kibibytes),
    Depends:
      'kmod, init-system-helpers (>= 1.54~), libc6 (>= 2.28), libstdc++6 (>= 9), libatomic1, libgcc-s1',
    Recommends: 'ca-certificates',
    Section: 'admin',
    Priority: 'optional',
    Description: `${lowerFirst(manifest.description)}
 Registers this machine with a Livepatch server, downloads the live patches
 that are due for the running kernel, verifies that they are signed by a
 pinned certificate, and applies them. There is no daemon: a timer checks once
 an hour, and each boot applies again what was applied before.`,
  };
  return Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('');
}

async function compress(directory: string, pattern: string): Promise<void> {
  for (const file of globSync(pattern, { cwd: directory })) {
    const path = join(directory, file);
    await writeFile(`${path}.gz`, await promisify(gzip)(await readFile(path), { level: 9 }));
    await rm(path);
  }
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
