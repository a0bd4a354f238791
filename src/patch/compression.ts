import { pipeline, Readable, type Transform } from 'node:stream';
import { LivepatchError, messageOf } from '../errors.ts';
import { LIMITS } from '../limits.ts';

type Bytes = AsyncIterable<Uint8Array>;

/** The compressions by the magic that their files begin with. */
const FORMATS: readonly { magic: Buffer; decompress: (source: Bytes) => Bytes }[] = [
  { magic: Buffer.from('1f8b', 'hex'), decompress: gunzip },
  { magic: Buffer.from('28b52ffd', 'hex'), decompress: unzstd },
];
/** What else people pack with, and the program that unpacks it. */
const FOREIGN_FORMATS: readonly { magic: Buffer; name: string; unpack: string }[] = [
  { magic: Buffer.from('fd377a585a00', 'hex'), name: 'xz', unpack: 'xz -d' },
  { magic: Buffer.from('425a68', 'hex'), name: 'bzip2', unpack: 'bzip2 -d' },
  { magic: Buffer.from('04224d18', 'hex'), name: 'lz4', unpack: 'lz4 -d' },
  { magic: Buffer.from('504b0304', 'hex'), name: 'zip', unpack: 'unzip' },
];
const LONGEST_MAGIC = 6;
/** Larger pieces than Node's 16 KiB: fewer steps for a large module. */
const CHUNK = 64 * 1024;

/**
 * Decompresses a stream of gzip or zstd, told apart by their magic, under the bounds on compressed size, unpacked size,
 * their ratio either way, and time. Memory stays flat whatever the input. Throws 'archive' when it is neither, broken
 * or out of bounds; errors of the source pass through as they are. `now` is a monotonic clock, in milliseconds.
 */
export async function* unpack(source: Bytes, now = () => performance.now()): AsyncGenerator<Uint8Array> {
  const meter: Meter = { packed: 0, unpacked: 0, waited: 0, started: now(), now, failure: undefined };
  const input = metered(source, meter);
  try {
    const head = await peek(input, LONGEST_MAGIC);
    const format = formatOf(head);
    if (format === undefined) throw refused(describeFormat(head));
    for await (const chunk of format.decompress(prepend(head, input))) {
      meter.unpacked += chunk.length;
      if (meter.unpacked > LIMITS.patch.unpackedBytes) throw refused('it unpacks to too much');
      if (meter.unpacked > LIMITS.patch.unpackedFree + meter.packed * LIMITS.patch.unpackedRatio) {
        throw refused('it unpacks to far more than its size, as a bomb does');
      }
      checkTime(meter);
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

/** The format of a file that `unpack` does not read, and the program that does; undefined when it is none we know. */
export function foreignFormat(file: Uint8Array): { name: string; unpack: string } | undefined {
  return FOREIGN_FORMATS.find(({ magic }) => magic.equals(file.subarray(0, magic.length)));
}

function describeFormat(head: Uint8Array): string {
  const foreign = foreignFormat(head);
  return foreign === undefined
    ? 'it is not compressed with gzip or zstd'
    : `it is compressed with ${foreign.name}: unpack it with '${foreign.unpack}' and pack it with gzip or zstd`;
}

function formatOf(file: Uint8Array) {
  return FORMATS.find(({ magic }) => magic.equals(file.subarray(0, magic.length)));
}

/** What has gone in and come out, and for how long. Times in milliseconds. */
interface Meter {
  packed: number;
  unpacked: number;
  started: number;
  /** For the source, which may be a slow pipe. */
  waited: number;
  now: () => number;
  /** The source's own failure, apart from a decompressor's. */
  failure: unknown;
}

/** Gives out the source in small pieces, so that a decompressor is stopped soon after it has passed a bound. */
async function* metered(source: Bytes, meter: Meter): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const asked = meter.now();
      const { done, value } = await iterator.next().catch((error: unknown) => {
        meter.failure = error;
        throw error;
      });
      meter.waited += meter.now() - asked;
      if (done) return;
      for (let at = 0; at < value.length; at += CHUNK) {
        const piece = value.subarray(at, at + CHUNK);
        meter.packed += piece.length;
        if (meter.packed > LIMITS.patch.archiveBytes) throw refused('it is too large');
        // No compressor makes anything much larger. What unpacks to nothing, such as a million empty frames, costs time
        // without ever coming up against a bound on what is unpacked.
        if (meter.packed > LIMITS.patch.packedFree + meter.unpacked * LIMITS.patch.packedRatio) {
          throw refused('it unpacks to far less than its size');
        }
        checkTime(meter);
        yield piece;
      }
    }
  } finally {
    await iterator.return?.();
  }
}

/** The time that is ours: without that of the source. */
function checkTime({ started, waited, now }: Meter): void {
  if (now() - started - waited > LIMITS.patch.unpackTime) throw refused('it takes too long to unpack');
}

/** Takes the first bytes off a stream: a chunk more than `length` perhaps, or fewer if it has no more. */
export async function peek(source: AsyncGenerator<Uint8Array>, length: number): Promise<Uint8Array> {
  let head = Buffer.alloc(0);
  while (head.length < length) {
    const { done, value } = await source.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  return head;
}

/** A stream with what was taken off it put back. */
export async function* prepend(
  head: Uint8Array,
  tail: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield head;
  yield* tail;
}

/** Loaded where something is unpacked: to verify a bare module takes 3 ms less without. */
const zlib = () => process.getBuiltinModule('node:zlib');

function gunzip(source: Bytes): Bytes {
  return through(source, zlib().createGunzip({ chunkSize: CHUNK }));
}

function unzstd(source: Bytes): Bytes {
  const { constants, createZstdDecompress } = zlib();
  const params = { [constants.ZSTD_d_windowLogMax]: LIMITS.patch.zstdWindowLog };
  return through(source, createZstdDecompress({ chunkSize: CHUNK, params }));
}

/**
 * The reader of the transform learns of every failure; the callback is there because pipeline wants one. One piece is
 * read ahead, no more, so that the meter tells what the transform has really taken in.
 */
function through(source: Bytes, transform: Transform): Bytes {
  return pipeline(Readable.from(source, { highWaterMark: 1 }), transform, () => {});
}

function refused(why: string, cause?: unknown): LivepatchError {
  return new LivepatchError('archive', `the patch file was refused: ${why}`, { cause });
}
