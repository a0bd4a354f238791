import { LivepatchError } from '../errors.ts';
import { LIMITS } from '../limits.ts';

/** One file or directory as its header announces it; nothing of its body is read yet. */
export interface TarEntry {
  name: string;
  type: 'file' | 'directory';
  /** Bytes of the body. */
  size: number;
}

const BLOCK = 512;

/** Where a field stands in a header block (POSIX.1-1988 ustar). */
const FIELD = {
  name: [0, 100],
  size: [124, 12],
  checksum: [148, 8],
  type: [156, 1],
  magic: [257, 8],
  prefix: [345, 155],
} as const;

/** Pax records that would overrule the header: two readers could then see two archives. */
const OVERRULING_PAX_RECORD = /^(path|linkpath|size|hdrcharset|GNU\.sparse\..*)$/;
const REPACK = { hint: 'pack it with --format=ustar' };

/**
 * Reads a tar archive of plain files and directories, in the ustar or GNU format; pax headers only as far as they
 * change nothing that counts. For each entry `open` is told what comes and gives the buffer for the body, of exactly
 * `size` bytes, so the caller bounds what is held in memory before a byte of it is read; it throws to refuse.
 * Throws 'archive' for everything else: links, devices, sparse and GNU long names, a wrong checksum, truncation, and
 * anything but zeros after the end.
 */
export async function readTar(
  source: AsyncIterable<Uint8Array>,
  open: (entry: TarEntry) => Uint8Array,
): Promise<void> {
  const input = byteReader(source);
  try {
    for (let entries = 0; ; entries++) {
      const header = await input.read(new Uint8Array(BLOCK));
      if (isZero(header)) return await readEnd(input);
      if (entries === LIMITS.patch.archiveEntries) throw refused('it has too many entries');
      await readEntry(header, input, open);
    }
  } finally {
    await input.close();
  }
}

async function readEntry(header: Uint8Array, input: ByteReader, open: (entry: TarEntry) => Uint8Array) {
  verifyChecksum(header);
  const type = String.fromCharCode(header[FIELD.type[0]] ?? 0);
  const size = readOctal(header, FIELD.size);
  if (type === 'x' || type === 'g') {
    if (size > LIMITS.patch.paxBytes) throw refused('a pax header in it is too large');
    refuseOverrulingPax(await input.read(new Uint8Array(size)));
  } else {
    const body = open({ name: readName(header), type: plainType(type), size });
    if (type === '5' && size !== 0) throw refused('a directory in it has a body');
    await input.read(body);
  }
  if (!isZero(await input.read(new Uint8Array(-size & (BLOCK - 1))))) {
    throw refused('there is something hidden after a body in it');
  }
}

/** POSIX: two blocks of zeros, then whatever fills the last record, which we want to be zeros too. */
async function readEnd(input: ByteReader): Promise<void> {
  if (!isZero(await input.read(new Uint8Array(BLOCK)))) throw refused('a block of its end is missing');
  for await (const chunk of input.rest()) {
    if (!isZero(chunk)) throw refused('there is something after its end');
  }
}

function plainType(type: string): TarEntry['type'] {
  switch (type) {
    case '0':
    case '\0':
      return 'file';
    case '5':
      return 'directory';
    case '1':
    case '2':
      throw refused('there is a link in it');
    case '3':
    case '4':
    case '6':
      throw refused('there is a device in it');
    case 'L':
    case 'K':
      throw refused('a name in it is too long', REPACK);
    default:
      throw refused('there is an entry of an unknown type in it');
  }
}

/** Spaces stand in for the checksum in its own sum. */
function verifyChecksum(header: Uint8Array): void {
  const [start, length] = FIELD.checksum;
  const sum = header.reduce((total, byte, at) => {
    const isOfChecksum = at >= start && at < start + length;
    return total + (isOfChecksum ? 0x20 : byte);
  }, 0);
  if (sum !== readOctal(header, FIELD.checksum)) throw refused('a header in it has a wrong checksum');
}

/**
 * A number in octal digits, ended by NUL or space. GNU's base-256, which can be negative or larger than any integer, is
 * refused: nothing that we read is as large as the 8 GiB it is for.
 */
function readOctal(header: Uint8Array, [start, length]: readonly [number, number]): number {
  const text = latin1(header.subarray(start, start + length));
  const digits = /^ *([0-7]+)[\0 ]*$/.exec(text)?.[1];
  if (digits === undefined) throw refused('a number in it cannot be read');
  return Number.parseInt(digits, 8);
}

/** The prefix is part of the name in POSIX's format only; GNU's keeps times in its place. */
function readName(header: Uint8Array): string {
  const magic = readText(header, FIELD.magic);
  const name = readText(header, FIELD.name);
  if (magic === 'ustar  ') return name;
  if (magic !== 'ustar') throw refused('it is a tar file of an unknown format');
  const prefix = readText(header, FIELD.prefix);
  return prefix === '' ? name : `${prefix}/${name}`;
}

function readText(header: Uint8Array, [start, length]: readonly [number, number]): string {
  return latin1(header.subarray(start, start + length)).replace(/\0.*/s, '');
}

/** Records of the form `<length> <key>=<value>\n`, the length counting the whole record in bytes. */
function refuseOverrulingPax(body: Uint8Array): void {
  let rest = latin1(body);
  while (rest !== '') {
    const [, digits, key] = /^([1-9]\d*) ([^=\n]+)=/.exec(rest) ?? [];
    const length = Number(digits);
    if (key === undefined || rest[length - 1] !== '\n') {
      throw refused('a pax header in it cannot be read');
    }
    if (OVERRULING_PAX_RECORD.test(key)) {
      throw refused(`a pax header in it changes ${key}`, REPACK);
    }
    rest = rest.slice(length);
  }
}

interface ByteReader {
  /** Fills and returns `into`. Throws 'archive' when the source ends before. */
  read(into: Uint8Array): Promise<Uint8Array>;
  /** Everything that is left, as it comes. */
  rest(): AsyncGenerator<Uint8Array>;
  /** Lets the source go. */
  close(): Promise<void>;
}

function byteReader(source: AsyncIterable<Uint8Array>): ByteReader {
  const iterator = source[Symbol.asyncIterator]();
  let chunk: Uint8Array = new Uint8Array();

  const next = async () => {
    const result = await iterator.next();
    chunk = result.done ? new Uint8Array() : result.value;
    return !result.done;
  };
  return {
    async read(into) {
      for (let filled = 0; filled < into.length; ) {
        if (chunk.length === 0) {
          if (!(await next())) throw refused('it is cut short');
          continue;
        }
        const part = chunk.subarray(0, into.length - filled);
        into.set(part, filled);
        filled += part.length;
        chunk = chunk.subarray(part.length);
      }
      return into;
    },
    async *rest() {
      do yield chunk;
      while (await next());
    },
    async close() {
      await iterator.return?.();
    },
  };
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function refused(why: string, advice?: { hint: string }): LivepatchError {
  return new LivepatchError('archive', `the patch file was refused: ${why}`, advice);
}
