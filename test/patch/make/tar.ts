import { gzipSync } from 'node:zlib';

/** One entry of a tar file, with anything in its header open to be set wrong. */
export interface Entry {
  name: string;
  body?: Uint8Array | string;
  type?: string;
  /** The size as its header has it: octal digits, or 12 raw bytes. */
  size?: string | Uint8Array;
  linkname?: string;
  prefix?: string;
  magic?: string;
  checksum?: number;
}

/** A header block and body in the ustar format. */
export function entry({ name, body = '', type = '0', magic = 'ustar\x0000', ...rest }: Entry): Buffer {
  const bytes = Buffer.from(body);
  const header = Buffer.alloc(512);
  header.write(name, 0, 100, 'latin1');
  header.write('0000644\x000000000\x000000000\0', 100, 'latin1');
  const size = rest.size ?? bytes.length.toString(8).padStart(11, '0');
  header.set(typeof size === 'string' ? Buffer.from(`${size}\0`, 'latin1') : size, 124);
  header.write('14000000000\0', 136, 'latin1');
  header.fill(' ', 148, 156);
  header.write(type, 156, 'latin1');
  header.write(rest.linkname ?? '', 157, 100, 'latin1');
  header.write(magic, 257, 'latin1');
  header.write(rest.prefix ?? '', 345, 155, 'latin1');
  const sum = rest.checksum ?? header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return Buffer.concat([header, bytes, Buffer.alloc(-bytes.length & 511)]);
}

export const END = Buffer.alloc(1024);

/** A whole tar file. */
export function tar(...entries: Entry[]): Buffer {
  return Buffer.concat([...entries.map(entry), END]);
}

export const targz = (...entries: Entry[]) => gzipSync(tar(...entries));

/** A stream of `bytes`, in pieces. */
export async function* pieces(bytes: Uint8Array, size = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** All that a stream gives. */
export async function toArray<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}
