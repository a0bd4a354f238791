import { closeSync, constants, openSync, readSync } from 'node:fs';

/** All that is read of a file of the kernel's, which are small. */
const MOST_BYTES = 64 * 1024;

/**
 * The beginning of a file, or of what the kernel shows as one. Never waits: a FIFO without a writer reads as empty.
 * @throws the system's errors
 */
export function readStart(path: string, mostBytes = MOST_BYTES): Buffer {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    return readStartOf(fd, mostBytes);
  } finally {
    closeSync(fd);
  }
}

/** The same, of an open descriptor. */
export function readStartOf(fd: number, mostBytes = MOST_BYTES): Buffer {
  const buffer = Buffer.alloc(mostBytes);
  let length = 0;
  // The kernel gives some of its files in pieces, /proc a page at a time.
  while (length < mostBytes) {
    const more = readSync(fd, buffer, length, mostBytes - length, null);
    if (more === 0) break;
    length += more;
  }
  return buffer.subarray(0, length);
}

/** The text of a file, without white space around it; undefined when it is not there or may not be read. */
export function textOf(path: string, mostBytes = MOST_BYTES): string | undefined {
  try {
    return readStart(path, mostBytes).toString('utf8').trim();
  } catch {
    return undefined;
  }
}

/** A file that holds a number, and only one. */
export function numberOf(path: string): number | undefined {
  const text = textOf(path);
  return text !== undefined && /^-?\d{1,15}$/.test(text) ? Number(text) : undefined;
}
