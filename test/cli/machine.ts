import { spawn } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { Secret } from '../../src/secret.ts';
import { openStore, type Store } from '../../src/store/store.ts';
import type { State } from '../../src/types.ts';
import { temporaryDirectory } from '../temporary.ts';

const BIN = join(import.meta.dirname, '../../bin/canonical-livepatch.js');

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
  /** A file to print to. */
  stdoutTo?: string;
  /** On a terminal of so many columns; stdout and stderr are then one. */
  columns?: number;
}

export interface Machine {
  store: Store;
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
    using _lock = store.runLock('test');
    store.token.write(new Secret(TOKEN));
    store.state.write(state);
  }
  return {
    store,
    common,
    data,
    run: (words, options = {}) => run(words, { ...options, env: { ...directories, ...options.env } }),
  };
}

function run(words: string[], options: RunOptions): Promise<Ended> {
  const command = [process.execPath, BIN, ...words];
  const [file = '', ...args] = options.asNobody
    ? ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', ...command]
    : options.columns === undefined
      ? command
      : ['script', '--quiet', '--return', '--command', onTerminal(command, options.columns), '/dev/null'];
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

function onTerminal(command: string[], columns: number): string {
  return `stty cols ${columns}; ${command.map((word) => `'${word}'`).join(' ')}`;
}
