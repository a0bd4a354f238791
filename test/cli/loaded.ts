import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '../temporary.ts';

const root = join(import.meta.dirname, '../..');

/** What a run of the built command has loaded. */
export interface Loaded {
  exitCode: number | null;
  /** Node's own modules, inner ones too: `tls`, `internal/crypto/x509`. */
  builtins: string[];
  /** Packages that the loaded chunks of the bundle hold code of. */
  packages: string[];
  /** Our own files in them: `source/server/client.ts`. */
  files: string[];
}

/** In a mount namespace of its own, another directory in the place of /var/lib. */
const WITH_DISK = ['--mount', 'sh', '-euc', 'mount --bind "$0" /var/lib; exec "$@"'];

/** Root of a container need not be allowed to. */
export function canMount(): boolean {
  return spawnSync('unshare', [...WITH_DISK, '/tmp', 'true']).status === 0;
}

/**
 * Runs the built command outside a snap, on an empty disk.
 * @param enabled whether the machine has a token.
 */
export function runLoaded(words: string[], { enabled }: { enabled: boolean }): Loaded {
  const directory = temporaryDirectory();
  const [common, list] = [join(directory, 'canonical-livepatch/common'), join(directory, 'list')];
  mkdirSync(common, { recursive: true });
  if (enabled) writeFileSync(join(common, 'machine-token'), `${'0'.repeat(32)}\n`, { mode: 0o600 });
  // To a file: for a pipe or a terminal Node itself loads `net`.
  const out = openSync(join(directory, 'out'), 'w');
  const { status } = spawnSync(
    'unshare',
    [
      ...WITH_DISK,
      directory,
      process.execPath,
      '--require',
      join(import.meta.dirname, 'probe.cjs'),
      join(root, 'bin/canonical-livepatch.js'),
      ...words,
    ],
    {
      env: {
        PATH: process.env.PATH,
        LOADED_LIST: list,
      },
      stdio: ['ignore', out, out],
    },
  );
  closeSync(out);
  const { builtins, chunks } = JSON.parse(readFileSync(list, 'utf8')) as Record<string, string[]>;
  const sources = (chunks ?? []).flatMap(sourcesOf);
  return {
    exitCode: status,
    builtins: builtins ?? [],
    packages: unique(sources, PACKAGE),
    files: unique(sources, OURS),
  };
}

const PACKAGE = /node_modules\/((?:@[^/]+\/)?[^/]+)/;
const OURS = /^\.\.\/src\/(.+)$/;

function sourcesOf(chunk: string): string[] {
  // The bundler's own few lines have none.
  if (chunk === 'rolldown-runtime.cjs') return [];
  return (JSON.parse(readFileSync(join(root, `dist/${chunk}.map`), 'utf8')) as { sources: string[] }).sources;
}

function unique(sources: string[], pattern: RegExp): string[] {
  return [...new Set(sources.flatMap((source) => pattern.exec(source)?.[1] ?? []))].sort();
}
