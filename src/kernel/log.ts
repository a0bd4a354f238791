import { closeSync, constants, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { execaSync } from 'execa';
import { hasErrno } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { environmentUnder } from './environment.ts';

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
    return openBuffer(root);
  }
  readRecords(fd);
  return { read: () => readRecords(fd), [Symbol.dispose]: () => closeSync(fd) };
}

/**
 * The log as dmesg has it by syslog(2): the whole buffer each time. It is the only way inside a snap, whose device
 * cgroup denies /dev/kmsg whatever is connected.
 */
function openBuffer(root: string): KernelLog {
  let last = readBuffer(root)?.at(-1);
  function read(): string[] | undefined {
    const lines = readBuffer(root);
    if (lines === undefined) return undefined;
    // When the last line is not there any more, all that is there came after it.
    const fresh = lines.slice(last === undefined ? 0 : lines.lastIndexOf(last) + 1);
    last = lines.at(-1);
    return fresh.map((line) => line.replace(/^\[ *\d+\.\d+\] /, ''));
  }
  return { read, [Symbol.dispose]: () => {} };
}

function readBuffer(root: string): string[] | undefined {
  const { failed, stdout } = execaSync('dmesg', ['--syslog'], {
    env: environmentUnder(root),
    extendEnv: false,
    stdin: 'ignore',
    reject: false,
    timeout: LIMITS.kernel.commandTime,
  });
  return failed ? undefined : stdout.split('\n');
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
