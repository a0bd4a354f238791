/**
 * The one place that starts programs. They are given nothing of the caller's environment: no proxy password and no
 * token reaches a child, and what root runs is never looked for on the caller's PATH. Never through a shell.
 */
import { join } from 'node:path';
import { snapFrom } from './snapd/environment.ts';

export interface RunOptions {
  /** In milliseconds; then it is killed. */
  timeout: number;
  /** An open descriptor that it has for its standard input; /dev/null otherwise. Only for `runSync`. */
  stdin?: number;
  /** The most bytes it may print; 1 MiB when absent. A program that prints more is killed. */
  outputBytes?: number;
  /** Names of variables of our own environment that it is to have as well. */
  keep?: readonly string[];
  /** The directory that the programs are under: `/` but in tests. */
  root?: string;
}

export interface Ending {
  /** Whether it was started and ended with 0. */
  ok: boolean;
  /** Undefined when it was not started, or was killed. */
  status: number | undefined;
  stdout: string;
  /** What it printed there, or in a few words why it did not end by itself. */
  stderr: string;
}

const OUTPUT_BYTES = 1024 * 1024;

/** What both of Node's functions say of a program that they could not start or had to kill. */
interface Failure {
  code?: string | number | null | undefined;
  signal?: string | null | undefined;
}

export async function run(program: string, args: readonly string[], options: RunOptions): Promise<Ending> {
  const { execFile } = childProcess();
  return new Promise((resolve) => {
    const child = execFile(program, args, settings(options), (error, stdout, stderr) => {
      clearTimeout(timer);
      const status = error === null ? 0 : error.code;
      resolve(ending(program, typeof status === 'number' ? status : undefined, stdout, stderr, error ?? {}));
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end();
    // A process that the kernel does not let go, as insmod in a module's init, does not die even of this.
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      child.unref();
      for (const stream of [child.stdout, child.stderr]) stream?.destroy();
      resolve(ending(program, undefined, '', '', { code: 'ETIMEDOUT' }));
    }, options.timeout);
  });
}

/** Nothing else happens meanwhile: for programs that return at once, or that nothing can go on without. */
export function runSync(program: string, args: readonly string[], options: RunOptions): Ending {
  const { spawnSync } = childProcess();
  const { error, signal, status, stderr, stdout } = spawnSync(program, args, {
    ...settings(options),
    timeout: options.timeout,
    killSignal: 'SIGKILL',
    stdio: [options.stdin ?? 'ignore', 'pipe', 'pipe'],
  });
  const failure = { code: (error as NodeJS.ErrnoException | undefined)?.code, signal };
  return ending(program, status ?? undefined, stdout ?? '', stderr ?? '', failure);
}

/** Loaded when a program is started: who only looks at things shall not wait for it. */
function childProcess() {
  return process.getBuiltinModule('node:child_process');
}

function settings({ keep = [], outputBytes = OUTPUT_BYTES, root = '/' }: RunOptions) {
  const kept = keep.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
  const env = { PATH: pathUnder(root), LC_ALL: 'C', ...Object.fromEntries(kept) };
  return { env, encoding: 'utf8', maxBuffer: outputBytes } as const;
}

/** In our snap its own programs come first. */
function pathUnder(root: string): string {
  const snap = snapFrom(process.env)?.directory;
  const prefixes = [...(snap === undefined ? [] : [snap]), join(root, 'usr'), root];
  return prefixes.flatMap((prefix) => [join(prefix, 'sbin'), join(prefix, 'bin')]).join(':');
}

function ending(
  program: string,
  status: number | undefined,
  stdout: string,
  stderr: string,
  { code, signal }: Failure,
): Ending {
  const said = stderr.trim();
  if (status !== undefined) return { ok: status === 0, status, stdout, stderr: said };
  return { ok: false, status, stdout, stderr: said || `${program} ${reasonOf(code, signal)}` };
}

function reasonOf(code: Failure['code'], signal: Failure['signal']): string {
  switch (code) {
    case 'ENOENT':
      return 'is not there';
    case 'ETIMEDOUT':
      return 'did not end in time';
    case 'ENOBUFS':
    case 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER':
      return 'printed too much';
    default:
      return typeof code === 'string' ? `cannot be started: ${code}` : `was ended by ${signal ?? 'a signal'}`;
  }
}
