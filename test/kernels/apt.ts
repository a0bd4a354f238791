import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { cacheDirectory } from './cache.ts';

/** A Debian architecture that a kernel of ours runs on. */
export type Architecture = 'amd64' | 'arm64' | 's390x';

/** apt with lists of its own, so that the machine's stay as they are. */
export interface Apt {
  /** Names of the packages that begin with this. */
  names(prefix: string): Promise<string[]>;
  /** What a package depends on, directly. */
  dependencies(name: string): Promise<string[]>;
  /** Downloads these packages alone into `directory`; gives all files of packages that are then there. */
  download(packages: readonly string[], directory: string): Promise<string[]>;
  /** The same of these packages and all that they need, as if nothing were installed. */
  downloadWithDependencies(packages: readonly string[], directory: string): Promise<string[]>;
}

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * apt for these suites and this architecture, from the archive that the machine's own apt uses, its lists read anew.
 * Throws execa's error with apt's words.
 *
 * @param suites as in `['trixie', 'trixie-backports']`; the first goes by its name in directories, too.
 */
export async function openApt(suites: readonly string[], architecture: Architecture): Promise<Apt> {
  const root = join(cacheDirectory, 'apt', `${suites.join('+')}-${architecture}`);
  await mkdir(join(root, 'state/lists/partial'), { recursive: true });
  await writeFile(join(root, 'status'), '');
  await writeFile(join(root, 'sources.list'), await sourcesOf(suites, architecture));
  const settings = {
    'Dir::State': join(root, 'state'),
    'Dir::State::status': join(root, 'status'),
    'Dir::Cache': join(root, 'cache'),
    'Dir::Etc::sourcelist': join(root, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'APT::Sandbox::User': 'root',
    // A mirror that is renewed seldom has lists that are past their date. They are signed all the same.
    'Acquire::Check-Valid-Until': 'false',
    'Acquire::Languages': 'none',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const get = (words: readonly string[], cwd = root) => execa('apt-get', [...options, ...words], { cwd });
  const cache = async (words: readonly string[]) =>
    (await execa('apt-cache', [...options, ...words])).stdout.split('\n');
  await get(['update']);

  return {
    names: (prefix) => cache(['pkgnames', prefix]),
    async dependencies(name) {
      const lines = await cache(['depends', name]);
      return lines.flatMap((line) => /^ {2}Depends: ([^<\s]+)$/.exec(line)?.[1] ?? []);
    },
    async download(packages, directory) {
      if (packages.length > 0) await get(['download', ...packages], directory);
      return packagesIn(directory);
    },
    async downloadWithDependencies(packages, directory) {
      await mkdir(join(directory, 'partial'), { recursive: true });
      const into = ['-o', `Dir::Cache::archives=${directory}`, '--download-only', '--no-install-recommends'];
      await get([...into, '-y', 'install', ...packages]);
      return packagesIn(directory);
    },
  };
}

async function packagesIn(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.deb'));
  return names.sort().map((name) => join(directory, name));
}

/** Security updates are an archive of their own beside the other. */
async function sourcesOf(suites: readonly string[], architecture: Architecture): Promise<string> {
  const { stdout } =
    await execa`apt-get indextargets --format ${'$(ORIGIN) $(RELEASE) $(REPO_URI)'} ${'Identifier: Packages'}`;
  const known = stdout.split('\n').map((line) => line.split(' '));
  const debian = known.filter(([origin]) => origin === 'Debian');
  const archiveOf = (security: boolean) =>
    debian.find(([, release = '']) => release.endsWith('-security') === security)?.[2];
  return suites
    .map((suite) => {
      const archive = archiveOf(suite.endsWith('-security'));
      if (archive === undefined) throw new Error(`apt knows no archive for ${suite}: run apt-get update`);
      return `deb [arch=${architecture} signed-by=${KEYRING}] ${archive} ${suite} main\n`;
    })
    .join('');
}
