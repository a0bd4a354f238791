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

/** Never throws. */
export async function run(program: string, args: readonly string[], options: RunOptions): Promise<Ending> {
  if (!arePassable(program, args)) return ending(program, undefined, '', '', { code: 'EINVAL' });
  // Loaded when a program is started: a run that takes a lock with `runSync`, or starts no program, must not wait for it.
  const { execa } = await import('execa');
  const { env, maxBuffer } = settings(options);
  const child = execa(program, args, {
    env,
    extendEnv: false,
    stdin: 'ignore',
    maxBuffer,
    stripFinalNewline: false,
    killSignal: 'SIGKILL',
    forceKillAfterDelay: false,
    cleanup: false,
    reject: false,
  });
  const late = Promise.withResolvers<Ending>();
  // A process that the kernel does not let go, as insmod in a module's init, does not die even of this. So the time is
  // kept here: execa's own timeout waits for the process to end.
  const timer = setTimeout(() => {
    child.kill('SIGKILL');
    child.nodeChildProcess.unref();
    for (const stream of [child.stdout, child.stderr]) stream.destroy();
    late.resolve(ending(program, undefined, '', '', { code: 'ETIMEDOUT' }));
  }, options.timeout);
  const inTime = child.then(({ code, exitCode, isMaxBuffer, signal, stderr, stdout }) =>
    ending(program, isMaxBuffer ? undefined : exitCode, stdout, isMaxBuffer ? '' : stderr, {
      code: isMaxBuffer ? 'ENOBUFS' : code,
      signal,
    }),
  );
  try {
    return await Promise.race([inTime, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Nothing else happens meanwhile: for programs that return at once, or that nothing can go on without. Never throws. */
export function runSync(program: string, args: readonly string[], options: RunOptions): Ending {
  if (!arePassable(program, args)) return ending(program, undefined, '', '', { code: 'EINVAL' });
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  const { error, signal, status, stderr, stdout } = spawnSync(program, args, {
    ...settings(options),
    timeout: options.timeout,
    killSignal: 'SIGKILL',
    stdio: [options.stdin ?? 'ignore', 'pipe', 'pipe'],
  });
  const failure = { code: (error as NodeJS.ErrnoException | undefined)?.code, signal };
  return ending(program, status ?? undefined, stdout ?? '', stderr ?? '', failure);
}

/** What the kernel takes as arguments ends at a zero byte. */
function arePassable(program: string, args: readonly string[]): boolean {
  return ![program, ...args].some((word) => word.includes('\0'));
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
