import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { Secret } from '../../src/secret.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import type { State } from '../../src/types.ts';
import { temporaryDirectory } from '../temporary.ts';

const BIN = join(import.meta.dirname, '../../bin/canonical-livepatch.js');
/** Our snap, with everything that it asks for, on a machine without snapd. */
export const COMMAND = [process.execPath, '--require', join(import.meta.dirname, 'connected.cjs'), BIN];

/** How a command ended, and what it printed. */
interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

interface RunOptions {
  env?: Record<string, string>;
  /** Run by somebody who is not root. */
  asNobody?: boolean;
  stdin?: string;
  /** Nobody reads what is printed: the pipe is closed at once. */
  closedStdout?: boolean;
  /** The kernels that are installed, instead of this machine's. */
  installed?: string[];
  /** What the kernel was booted with, instead of this machine's /proc/cmdline. */
  commandLine?: string;
  /** A file to print to. */
  stdoutTo?: string;
  /** On a terminal of so many columns; stdout and stderr are then one. */
  columns?: number;
}

export interface Machine {
  store: Store;
  /** Where the package's own files would be. */
  snap: string;
  common: string;
  data: string;
  run(words: string[], options?: RunOptions): Promise<Ended>;
}

export const TOKEN = '0badc0de0badc0de0badc0de0badc0de';

/** A machine's directories, and the built command run on them. Not enabled, unless something is remembered. */
export async function machine(state?: State): Promise<Machine> {
  const snap = temporaryDirectory();
  // mkdtemp makes it for us alone; a snap's directories are for anybody to search.
  chmodSync(snap, 0o755);
  const [common, data] = [join(snap, 'common'), join(snap, 'data')];
  mkdirSync(common);
  const directories = { SNAP_NAME: 'canonical-livepatch', SNAP: snap, SNAP_COMMON: common, SNAP_DATA: data };
  const store = openStore(directories);
  if (state !== undefined) {
    using _lock = store.runLock('test', () => {});
    store.token.write(new Secret(TOKEN));
    store.state.write(state);
  }
  return {
    store,
    snap,
    common,
    data,
    run: (words, options = {}) => run(words, { ...options, env: { ...directories, ...options.env } }),
  };
}

function run(words: string[], options: RunOptions): Promise<Ended> {
  const [file = '', ...args] = around([...COMMAND, ...words], options);
  const target = options.stdoutTo === undefined ? 'pipe' : openSync(options.stdoutTo, 'w');
  const env = { PATH: process.env.PATH, LC_ALL: 'C', ...options.env };
  const child = spawn(file, args, { env, stdio: ['pipe', target, 'pipe'] });
  let [stdout, stderr] = ['', ''];
  if (options.closedStdout) child.stdout?.destroy();
  else child.stdout?.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text) => (stderr += text));
  child.stdin?.on('error', () => {}).end(options.stdin ?? '');
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      if (typeof target === 'number') closeSync(target);
      resolve({ status, stdout: stdout.replaceAll('\r\n', '\n'), stderr });
    });
  });
}

/** The command, started as the options say. */
function around(command: string[], options: RunOptions): string[] {
  const { asNobody, columns, installed } = options;
  if (installed !== undefined) {
    const { installed: _, ...others } = options;
    return ['unshare', '--mount', 'sh', '-euc', INSTALL, installed.join(' '), ...around(command, others)];
  }
  if (options.commandLine !== undefined) {
    const { commandLine, ...others } = options;
    return ['unshare', '--mount', 'sh', '-euc', BOOTED_WITH, commandLine, ...around(command, others)];
  }
  if (asNobody) return ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', ...command];
  if (columns === undefined) return command;
  return ['script', '--quiet', '--return', '--command', onTerminal(command, columns), '/dev/null'];
}

/** Lays kernels over what is in /usr/lib. */
const INSTALL = `
  mount -t tmpfs none /mnt
  for release in $0; do
    mkdir -p /mnt/modules/$release
    touch /mnt/modules/$release/modules.order
  done
  mount -t overlay -o lowerdir=/mnt:/usr/lib none /usr/lib
  exec "$@"`;

const BOOTED_WITH = `
  mount -t tmpfs none /mnt
  echo "$0" >/mnt/cmdline
  mount --bind /mnt/cmdline /proc/cmdline
  exec "$@"`;

/** Root of a container need not be allowed to. */
export function canMount(): boolean {
  const trial = spawnSync('unshare', ['--mount', 'sh', '-euc', INSTALL, '1', 'true'], { stdio: 'ignore' });
  return trial.status === 0;
}

function onTerminal(command: string[], columns: number): string {
  return `stty cols ${columns}; ${command.map((word) => `'${word}'`).join(' ')}`;
}
