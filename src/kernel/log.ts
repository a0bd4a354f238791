import { closeSync, constants, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { hasErrno } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { runSync } from '../programs.ts';

/** One record of the kernel's log. */
export interface LogRecord {
  /** Its own are 0. What a process writes to /dev/kmsg has another, whatever the process asks for (devkmsg_write). */
  facility: number;
  /** 0 emergency … 7 debug. */
  level: number;
  /** Since the boot; 0 when it was not noted. */
  seconds: number;
  text: string;
}

/** What the kernel says from a moment on. */
export interface KernelLog extends Disposable {
  /** The records since the log was opened or last read; undefined where this process may not read it. */
  read(): LogRecord[] | undefined;
}

/** One record of /dev/kmsg never exceeds this (kernel/printk/printk.c, PRINTK_MESSAGE_MAX and its prefix). */
const RECORD_BYTES = 8192;

/** Opens the kernel log at its end (Documentation/ABI/testing/dev-kmsg). */
export function openLog(root: string): KernelLog {
  const fd = openRecords(root);
  if (fd === undefined) return openBuffer(root);
  readRecords(fd);
  return { read: () => readRecords(fd), [Symbol.dispose]: () => closeSync(fd) };
}

/** All that the kernel still knows of what it said since it started; undefined where this process may not read it. */
export function readLog(root: string): LogRecord[] | undefined {
  const fd = openRecords(root);
  if (fd === undefined) return readBuffer(root)?.flatMap((line) => parseLine(line) ?? []);
  try {
    return readRecords(fd);
  } finally {
    closeSync(fd);
  }
}

function openRecords(root: string): number | undefined {
  try {
    return openSync(join(root, 'dev/kmsg'), constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

/**
 * The log as dmesg has it by syslog(2): the whole buffer each time. It is the only way inside a snap, whose device
 * cgroup denies /dev/kmsg whatever is connected.
 */
function openBuffer(root: string): KernelLog {
  let last = readBuffer(root)?.at(-1);
  function read(): LogRecord[] | undefined {
    const lines = readBuffer(root);
    if (lines === undefined) return undefined;
    // When the last line is not there any more, all that is there came after it.
    const fresh = lines.slice(last === undefined ? 0 : lines.lastIndexOf(last) + 1);
    last = lines.at(-1);
    return fresh.flatMap((line) => parseLine(line) ?? []);
  }
  return { read, [Symbol.dispose]: () => {} };
}

function readBuffer(root: string): string[] | undefined {
  const { timeout, outputBytes } = {
    timeout: LIMITS.kernel.commandTime,
    outputBytes: LIMITS.kernel.logBytes,
  };
  const { ok, stdout } = runSync('dmesg', ['--syslog', '--raw'], { root, timeout, outputBytes });
  return ok ? stdout.split('\n').filter((line) => line !== '') : undefined;
}

/**
 * A line of syslog(2): `<4>[   12.345678][    T1] text`, the last bracket with CONFIG_PRINTK_CALLER. A record of more
 * lines comes as so many of them, each with the same beginning.
 */
function parseLine(line: string): LogRecord | undefined {
  const [, priority, seconds, text] =
    /^<(\d{1,5})>(?:\[ *(\d{1,12}\.\d{6})\](?:\[ *[TC]\d+\])? )?(.*)$/su.exec(line) ?? [];
  return text === undefined ? undefined : record(Number(priority), Number(seconds ?? 0), text);
}

/** A record of /dev/kmsg: `6,1234,5678,-;text`, then lines with names of devices. */
function parseRecord(text: string): LogRecord | undefined {
  const [, priority, micros, message] = /^(\d{1,5}),\d+,(\d{1,18}),[^;\n]*;([^\n]*)/.exec(text) ?? [];
  return message === undefined ? undefined : record(Number(priority), Number(micros) / 1e6, message);
}

/** RFC 5424 section 6.2.1 */
function record(priority: number, seconds: number, text: string): LogRecord {
  return { facility: priority >> 3, level: priority & 7, seconds, text };
}

/** Every record from where the descriptor stands. */
function readRecords(fd: number): LogRecord[] {
  const records: LogRecord[] = [];
  const buffer = Buffer.alloc(RECORD_BYTES);
  for (;;) {
    try {
      const length = readSync(fd, buffer);
      if (length === 0) return records;
      const one = parseRecord(buffer.toString('utf8', 0, length));
      if (one !== undefined) records.push(one);
    } catch (error) {
      if (hasErrno(error, 'EAGAIN')) return records;
      // Records were overwritten before we came to them; go on with the next one that is there.
      if (!hasErrno(error, 'EPIPE')) throw error;
    }
  }
}
