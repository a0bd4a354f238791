import { closeSync, constants, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno } from '../errors.ts';

/** What the kernel says from a moment on. */
export interface KernelLog extends Disposable {
  /** The lines since the log was opened or last read; undefined where this process may not read it. */
  read(): string[] | undefined;
}

/** One record of /dev/kmsg never exceeds this (kernel/printk/printk.c, PRINTK_MESSAGE_MAX and its prefix). */
const RECORD_BYTES = 8192;

/** Opens the kernel log at its end (Documentation/ABI/testing/dev-kmsg). */
export function openLog(root: string): KernelLog {
  let fd: number;
  try {
    fd = openSync(join(root, 'dev/kmsg'), constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return { read: () => undefined, [Symbol.dispose]: () => {} };
  }
  readRecords(fd);
  return { read: () => readRecords(fd), [Symbol.dispose]: () => closeSync(fd) };
}

/** Every record from where the descriptor stands: `6,1234,5678,-;message`, continuation lines after it. */
function readRecords(fd: number): string[] {
  const lines: string[] = [];
  const buffer = Buffer.alloc(RECORD_BYTES);
  for (;;) {
    try {
      const length = readSync(fd, buffer);
      if (length === 0) return lines;
      const record = buffer.toString('utf8', 0, length);
      lines.push(record.slice(record.indexOf(';') + 1).split('\n', 1)[0] ?? '');
    } catch (error) {
      if (hasErrno(error, 'EAGAIN')) return lines;
      // Records were overwritten before we came to them; go on with the next one that is there.
      if (!hasErrno(error, 'EPIPE')) throw error;
    }
  }
}

/** What the kernel prints when something has gone wrong in it (lib/bug.c, kernel/panic.c, arch/x86/kernel/dumpstack.c). */
const BUG =
  /\b(BUG:|kernel BUG at|Oops\b|WARNING:|general protection fault|soft lockup|Unable to handle kernel)/;
const END_OF_TRACE = /---\[ end trace/;

/**
 * The trace of a bug that points at our module or at a function that it replaces.
 * @param lines what the kernel said since the insertion.
 * @returns undefined when there is none.
 */
export function findBug(
  lines: readonly string[],
  module: string,
  functions: readonly string[],
): string[] | undefined {
  // A kernel may print a module's build id beside its name (CONFIG_STACKTRACE_BUILD_ID).
  const culprits = [`[${module}]`, `[${module} `, ...functions.map((name) => `${name}+0x`)];
  for (const [index, line] of lines.entries()) {
    if (!BUG.test(line)) continue;
    const rest = lines.slice(index);
    const end = rest.findIndex((other) => END_OF_TRACE.test(other));
    const trace = end === -1 ? rest : rest.slice(0, end + 1);
    // This line lists every module there is, guilty or not.
    const pointing = trace.filter((other) => !other.startsWith('Modules linked in:'));
    if (pointing.some((other) => culprits.some((name) => other.includes(name)))) return trace;
  }
  return undefined;
}
