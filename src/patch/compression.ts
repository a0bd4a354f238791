import { pipeline, Readable, type Transform } from 'node:stream';
import { constants, createGunzip, createZstdDecompress } from 'node:zlib';
import { LivepatchError, messageOf } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { bunzip2 } from './bzip2.ts';

type Bytes = AsyncIterable<Uint8Array>;

/** The compressions by the magic that their files begin with. */
const FORMATS: readonly { magic: Buffer; decompress: (source: Bytes) => Bytes }[] = [
  { magic: Buffer.from('1f8b', 'hex'), decompress: gunzip },
  { magic: Buffer.from('425a68', 'hex'), decompress: bunzip2 },
  { magic: Buffer.from('fd377a585a00', 'hex'), decompress: unxz },
  { magic: Buffer.from('28b52ffd', 'hex'), decompress: unzstd },
];
const LONGEST_MAGIC = 6;
/** Larger pieces than Node's 16 KiB: fewer steps for a large module. */
const CHUNK = 64 * 1024;

/**
 * Decompresses a stream of gzip, bzip2, xz or zstd, told apart by their magic, under the bounds on compressed size,
 * unpacked size and their ratio. Memory stays flat whatever the input. Throws 'archive' when it is none of them, broken
 * or out of bounds; errors of the source pass through as they are.
 */
export async function* unpack(source: Bytes): AsyncGenerator<Uint8Array> {
  const meter = { packed: 0, unpacked: 0, failure: undefined as unknown };
  const input = metered(source, meter);
  try {
    const head = await peek(input, LONGEST_MAGIC);
    const format = formatOf(head);
    if (format === undefined) throw refused('it is not compressed with gzip, bzip2, xz or zstd');
    for await (const chunk of format.decompress(prepend(head, input))) {
      meter.unpacked += chunk.length;
      if (meter.unpacked > LIMITS.patch.unpackedBytes) throw refused('it unpacks to too much');
      if (meter.unpacked > LIMITS.patch.unpackedFree + meter.packed * LIMITS.patch.unpackedRatio) {
        throw refused('it unpacks to far more than its size, as a bomb does');
      }
      yield chunk;
    }
  } catch (error) {
    if (meter.failure !== undefined) throw meter.failure;
    throw error instanceof LivepatchError
      ? error
      : refused(`its compression is broken: ${messageOf(error)}`, error);
  } finally {
    await input.return(undefined);
  }
}

/** Whether a file begins as one that `unpack` reads. */
export function isCompressed(file: Uint8Array): boolean {
  return formatOf(file) !== undefined;
}

function formatOf(file: Uint8Array) {
  return FORMATS.find(({ magic }) => magic.equals(file.subarray(0, magic.length)));
}

/** Counts what is read, bounds it, and keeps the source's own failure apart from a decompressor's. */
async function* metered(
  source: Bytes,
  meter: { packed: number; failure: unknown },
): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await iterator.next().catch((error: unknown) => {
        meter.failure = error;
        throw error;
      });
      if (done) return;
      meter.packed += value.length;
      if (meter.packed > LIMITS.patch.archiveBytes) throw refused('it is too large');
      yield value;
    }
  } finally {
    await iterator.return?.();
  }
}

/** Takes the first bytes off a stream: a chunk more than `length` perhaps, or fewer if it has no more. */
async function peek(source: AsyncGenerator<Uint8Array>, length: number): Promise<Uint8Array> {
  let head = Buffer.alloc(0);
  while (head.length < length) {
    const { done, value } = await source.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  return head;
}

async function* prepend(head: Uint8Array, tail: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield head;
  yield* tail;
}

function gunzip(source: Bytes): Bytes {
  return through(source, createGunzip({ chunkSize: CHUNK }));
}

function unzstd(source: Bytes): Bytes {
  const params = { [constants.ZSTD_d_windowLogMax]: LIMITS.patch.zstdWindowLog };
  return through(source, createZstdDecompress({ chunkSize: CHUNK, params }));
}

/** The reader of the transform learns of every failure; the callback is there because pipeline wants one. */
function through(source: Bytes, transform: Transform): Bytes {
  return pipeline(Readable.from(source), transform, () => {});
}

/** liblzma's small decoder as WebAssembly; loaded for xz only. */
async function* unxz(source: Bytes): AsyncGenerator<Uint8Array> {
  const { default: xz } = await import('xz-decompress');
  yield* new xz.XzReadableStream(Readable.toWeb(Readable.from(source)));
}

function refused(why: string, cause?: unknown): LivepatchError {
  return new LivepatchError('archive', `the patch file was refused: ${why}`, { cause });
}
