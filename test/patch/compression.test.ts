import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { constants, createGzip, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LivepatchError } from '../../src/errors.ts';
import { foreignFormat, isCompressed, unpack } from '../../src/patch/compression.ts';
import { expectRefusal, isAccepted } from './make/expect.ts';
import { pieces, toArray } from './make/tar.ts';

const COMPRESSORS: [string, (bytes: Uint8Array) => Buffer][] = [
  ['gzip', (bytes) => gzipSync(bytes)],
  ['zstd', (bytes) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_checksumFlag]: 1 } })],
];
const TEXT = Buffer.from('a live patch '.repeat(5000));
const collect = async (source: AsyncIterable<Uint8Array>) => Buffer.concat(await toArray(unpack(source)));

/** A GiB of zeros, compressed without ever being there. */
async function gzipBomb(): Promise<Buffer> {
  const zeros = Buffer.alloc(2 ** 20);
  const source = Readable.from(Array<Buffer>(1024).fill(zeros));
  return Buffer.concat(await source.pipe(createGzip({ level: 1 })).toArray());
}

describe.each(COMPRESSORS)('unpack of %s', (_, compress) => {
  const packed = compress(TEXT);

  test.each([1, 1000, 2 ** 20])('gives back what was packed, in pieces of %d', async (size) => {
    expect((await collect(pieces(packed, size))).equals(TEXT)).toBe(true);
  });

  test('refuses what is cut short or changed', async () => {
    await expectRefusal(() => collect(pieces(packed.subarray(0, -5))), 'archive', /compression is broken/);
    const changed = Buffer.from(packed);
    const middle = changed.length >> 1;
    changed[middle] = (changed[middle] ?? 0) ^ 0xff;
    await isAccepted(async () => expect((await collect(pieces(changed))).equals(TEXT)).toBe(true), 'archive');
  });

  test('refuses a bomb long before it is unpacked', async () => {
    const bomb = compress(Buffer.alloc(16 * 2 ** 20));
    await expectRefusal(() => collect(pieces(bomb)), 'archive', /bomb/);
  });

  test('passes on a failure of the source as it is', async () => {
    const failure = new Error('the line went dead');
    async function* dying() {
      yield packed.subarray(0, 20);
      throw failure;
    }
    await expect(collect(dying())).rejects.toBe(failure);
  });

  test('lets the source go when the reader stops', async () => {
    let released = false;
    async function* endless() {
      try {
        yield* pieces(packed, 7);
        for (;;) yield packed;
      } finally {
        released = true;
      }
    }
    const unpacked = unpack(endless());
    await unpacked.next();
    await unpacked.return(undefined);
    expect(released).toBe(true);
  });

  test('survives anything after the magic', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(packed.length), fc.uint8Array({ maxLength: 60 }), async (at, bytes) => {
        const changed = Buffer.concat([packed.subarray(0, Math.max(at, 6)), bytes]);
        await isAccepted(() => collect(pieces(changed)), 'archive');
      }),
    );
  });
});

describe('unpack', () => {
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['a byte', Buffer.from([0x1f])],
    ['text', Buffer.from('hello, patch')],
    ['lzma', Buffer.from('5d00008000', 'hex')],
  ])('refuses %s', async (_, bytes) => {
    await expectRefusal(() => collect(pieces(bytes)), 'archive', /not compressed with/);
  });

  test.each([
    ['xz', 'fd377a585a00', 'xz -d'],
    ['bzip2', '425a68393141', 'bzip2 -d'],
    ['lz4', '04224d186440', 'lz4 -d'],
    ['zip', '504b03041400', 'unzip'],
  ])('refuses %s by its name, and says what to do', async (name, magic, program) => {
    const file = Buffer.concat([Buffer.from(magic, 'hex'), Buffer.alloc(100)]);
    await expectRefusal(
      () => collect(pieces(file)),
      'archive',
      new RegExp(`it is compressed with ${name}: unpack it with '${program}' and pack it with gzip or zstd$`),
    );
    expect(foreignFormat(file)).toMatchObject({ name, unpack: program });
    expect(isCompressed(file)).toBe(false);
  });

  test.each([
    ['zstd', zstdCompressSync('')],
    ['gzip', gzipSync('')],
  ])('refuses a stream of empty frames of %s after a mebibyte', async (_, frame) => {
    let given = 0;
    async function* endless() {
      for (const piece = Buffer.concat(Array(2000).fill(frame)); ; given += piece.length) yield piece;
    }
    await expectRefusal(() => collect(endless()), 'archive', /far less than its size/);
    expect(given).toBeGreaterThan(0.9 * 2 ** 20);
    expect(given).toBeLessThan(1.2 * 2 ** 20);
  });

  test('refuses few large pieces of empty frames as soon as many small ones', async () => {
    const frame = zstdCompressSync('');
    const large = Buffer.alloc(16 * 2 ** 20, frame);
    const start = performance.now();
    await expectRefusal(() => collect(pieces(large, large.length)), 'archive', /far less than its size/);
    expect(performance.now() - start).toBeLessThan(8000);
  });

  test('takes what cannot be compressed', async () => {
    const noise = randomBytes(8 * 2 ** 20);
    for (const [, compress] of COMPRESSORS)
      expect((await collect(pieces(compress(noise)))).equals(noise)).toBe(true);
  });

  test('refuses what takes longer than a minute, not counting the source', async () => {
    const packed = gzipSync(randomBytes(2 ** 20));
    let now = 0;
    async function* slowly() {
      for await (const piece of pieces(packed)) {
        now += 3_600_000;
        yield piece;
      }
    }
    expect(Buffer.concat(await toArray(unpack(slowly(), () => now)))).toHaveLength(2 ** 20);

    const ticking = (step: number) => () => (now += step);
    await toArray(unpack(pieces(packed), ticking(100)));
    await expectRefusal(
      () => toArray(unpack(pieces(packed), ticking(10_000))),
      'archive',
      /takes too long to unpack/,
    );
  });

  test('refuses by the first six bytes, whatever comes after them', async () => {
    async function* dying() {
      yield Buffer.from('hello,');
      throw new Error('the line went dead');
    }
    await expectRefusal(() => collect(dying()), 'archive', /not compressed with/);
  });

  test('keeps the error of a decompressor', async () => {
    const broken = collect(pieces(gzipSync('text').subarray(0, -1)));
    await expect(broken).rejects.toMatchObject({ cause: { code: 'Z_BUF_ERROR' } });
  });

  test('reads a source that cannot be let go', async () => {
    const source = pieces(gzipSync('text'));
    const plain = { [Symbol.asyncIterator]: () => ({ next: () => source.next() }) };
    expect((await collect(plain)).toString()).toBe('text');
  });

  test('refuses zstd that wants a window larger than a decoder must offer', async () => {
    const params = { [constants.ZSTD_c_windowLog]: 27, [constants.ZSTD_c_contentSizeFlag]: 0 };
    const packed = zstdCompressSync(Buffer.alloc(2 ** 24, TEXT), { params });
    await expectRefusal(() => collect(pieces(packed)), 'archive', /compression is broken/);
  });

  test('refuses a bomb of a GiB within 64 MiB of memory', async () => {
    const bomb = await gzipBomb();
    const before = process.memoryUsage.rss();
    await expectRefusal(() => collect(pieces(bomb)), 'archive', /bomb/);
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 2 ** 20);
  });

  test('keeps the code of a source that refuses', async () => {
    const refusal = new LivepatchError('network', 'gone');
    // biome-ignore lint/correctness/useYield: it fails before it has anything to give.
    async function* dead(): AsyncGenerator<Uint8Array> {
      throw refusal;
    }
    await expect(collect(dead())).rejects.toBe(refusal);
  });
});
