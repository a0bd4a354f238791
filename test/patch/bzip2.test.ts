import { execFileSync } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bunzip2 } from '../../src/patch/bzip2.ts';
import { expectRefusal, isAccepted } from './make/expect.ts';
import { pieces, toArray } from './make/tar.ts';

const bzip2 = (input: Uint8Array, level = 9) =>
  execFileSync('bzip2', [`-${level}`, '-c'], { input, maxBuffer: 2 ** 30 });
const collect = async (bytes: Uint8Array, size?: number) =>
  Buffer.concat(await toArray(bunzip2(pieces(bytes, size))));

/** Bytes without a pattern, the same each time. */
function noise(length: number): Buffer {
  const key = Buffer.alloc(16);
  return createCipheriv('aes-128-ctr', key, key).update(Buffer.alloc(length));
}

const TEXT = Buffer.from('a live patch, a live patch! '.repeat(40));

describe('bunzip2', () => {
  test.each([
    ['nothing', Buffer.alloc(0)],
    ['one byte', Buffer.from('x')],
    ['text', TEXT],
    ['all bytes', Buffer.from(Uint8Array.from({ length: 256 }, (_, index) => index))],
    ['a block of exactly its size', noise(100_000)],
    ['several blocks of noise', noise(350_000)],
    ['a long run', Buffer.alloc(5_000_000, 7)],
    [
      'runs of each length',
      Buffer.concat(Array.from({ length: 300 }, (_, length) => Buffer.alloc(length, length))),
    ],
  ])('reads %s', async (_, bytes) => {
    expect((await collect(bzip2(bytes, 1))).equals(bytes)).toBe(true);
    expect((await collect(bzip2(bytes, 9))).equals(bytes)).toBe(true);
  });

  test('reads several streams one after the other, in any pieces', async () => {
    const two = Buffer.concat([bzip2(TEXT), bzip2(Buffer.alloc(0)), bzip2(TEXT)]);
    for (const size of [1, 3, 1000]) expect(await collect(two, size)).toEqual(Buffer.concat([TEXT, TEXT]));
  });

  test('reads whatever bzip2 writes', async () => {
    const part = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(300));
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 10 }), async (parts) => {
        const bytes = Buffer.concat(parts.flatMap(([bytes, times]) => Array<Uint8Array>(times).fill(bytes)));
        expect((await collect(bzip2(bytes))).equals(bytes)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  const good = bzip2(TEXT);
  test.each([
    ['nothing', Buffer.alloc(0), /cut short/],
    ['another format', Buffer.from('BZ0rest of it'), /does not begin/],
    ['a block size of 0', Buffer.concat([Buffer.from('BZh0'), good.subarray(4)]), /block size/],
    ['bytes after the end', Buffer.concat([good, Buffer.from('more')]), /does not begin/],
    [
      'a wrong checksum of a block',
      Buffer.concat([good.subarray(0, 10), Buffer.alloc(4), good.subarray(14)]),
      /checksum of a block/,
    ],
    [
      'a wrong checksum of the whole',
      Buffer.concat([bzip2(Buffer.alloc(0)).subarray(0, -1), Buffer.from([1])]),
      /its checksum/,
    ],
    [
      'the randomised form',
      Buffer.concat([good.subarray(0, 14), Buffer.from([0x80]), good.subarray(15)]),
      /before 0\.9\.5/,
    ],
  ])('refuses %s', async (_, bytes, message) => {
    await expectRefusal(() => collect(bytes), 'archive', message);
  });

  test('refuses every length short of the whole', async () => {
    for (let length = 0; length < good.length; length++) {
      await expectRefusal(() => collect(good.subarray(0, length)), 'archive', /cut short/);
    }
  });

  test('never hangs or takes changed bytes for good ones', async () => {
    const change = fc.record({ at: fc.nat(good.length - 1), byte: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const changed = Buffer.from(good);
        for (const { at, byte } of changes) changed[at] = byte;
        await isAccepted(async () => expect(await collect(changed)).toEqual(TEXT), 'archive');
      }),
      { numRuns: 300 },
    );
  });
});
