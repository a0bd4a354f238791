import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bunzip2 } from '../../src/patch/bzip2.ts';
import { type BlockParts, bzip2, forgedBzip2 } from './make/bzip2.ts';
import { expectRefusal, isAccepted } from './make/expect.ts';
import { pieces, toArray } from './make/tar.ts';

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
    ['a run over the end of a piece', Buffer.alloc(65_540, 7).fill('patch', 0, 10)],
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

  test('reads more than it holds of its input at once', async () => {
    const empty = bzip2(Buffer.alloc(0), 1);
    const many = Buffer.alloc(80_000 * empty.length, empty);
    expect(await collect(Buffer.concat([many, bzip2(TEXT)]))).toEqual(TEXT);
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
    ['a block size of 0', forgedBzip2({ level: '0' }), /block size/],
    ['a block size of 10', forgedBzip2({ level: ':' }), /block size/],
    [
      'a wrong magic of a block',
      Buffer.concat([good.subarray(0, 4), Buffer.alloc(70)]),
      /block does not begin/,
    ],
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

  // A block of level 1 has 100,000 bytes. A run of so many, in base 2 with the digits 1 and 2, the lowest first.
  const digits = '2111121212211112';
  const full = digits.replaceAll('1', '0 ').replaceAll('2', '10 ');
  const fours = Buffer.alloc(20_000 * (4 + 'x'.charCodeAt(0)), 'x');

  test.each<[string, BlockParts, Uint8Array]>([
    ['as bzip2 writes it', {}, Buffer.from('x')],
    [
      'with codes of the greatest length',
      { code: '10011 0 100 0', symbols: `${'0'.repeat(19)} ${'11'.padStart(20, '0')}` },
      Buffer.from('x'),
    ],
    ['with a code length that goes up and down', { code: '00001 10110 100 0' }, Buffer.from('x')],
    ['with six codes', { groups: 6, selectors: ['111110'] }, Buffer.from('x')],
    ['filled by a run', { symbols: `${full} 11` }, fours],
  ])('reads a block %s', async (_, parts, content) => {
    expect((await collect(forgedBzip2(parts, content))).equals(content)).toBe(true);
  });

  // The symbols RUNA, RUNB, the second byte and the end as 00, 01, 10 and 11.
  const two = { used: '0000000100000000 0000000110000000', code: '00010 0 0 0 0' };
  const fullOfTwo = digits.replaceAll('1', '00 ').replaceAll('2', '01 ');

  test.each<[string, BlockParts, RegExp]>([
    ['that begins behind its end', { origin: 1 }, /begins outside itself/],
    ['with nothing in it', { symbols: '11' }, /begins outside itself/],
    ['that uses no byte', { used: '0'.repeat(16) }, /uses no byte/],
    ['with one code', { groups: 1 }, /number of codes/],
    ['with seven codes', { groups: 7 }, /number of codes/],
    ['that chooses the third of two codes', { selectors: ['110'] }, /code that is not there/],
    ['with a code of no bits', { code: '00000 0 0 0' }, /impossible length/],
    ['with a code that shrinks to no bits', { code: '00001 110 0 0' }, /impossible length/],
    ['with a code of 21 bits', { code: '10101 0 0 0' }, /impossible length/],
    ['with bits that are no code', { code: '00010 0 0 0', symbols: '1'.repeat(20) }, /stands for nothing/],
    ['without selectors', { selectors: [] }, /has no end/],
    ['of more symbols than its selectors serve', { ...two, symbols: `${'10'.repeat(50)} 11` }, /has no end/],
    [
      'of 50 symbols, which a selector serves',
      { ...two, symbols: `${'10'.repeat(49)} 11` },
      /checksum of a block/,
    ],
    ['with a run of one more', { symbols: `${full.replace('10 0', '0 10')} 11` }, /run is longer/],
    ['with a byte after it is full', { ...two, symbols: `${fullOfTwo} 10 11` }, /longer than it may be/],
  ])('refuses a block %s', async (_, parts, message) => {
    await expectRefusal(() => collect(forgedBzip2(parts)), 'archive', message);
  });

  test('refuses a block that goes on for more than a mebibyte, and reads no further', async () => {
    const long = { code: '10100 0 0 0 0', symbols: '10'.padStart(20, '0').repeat(460_000) };
    const forged = forgedBzip2({ ...two, ...long, level: '9', selectors: Array(9_200).fill('0') });
    let given = 0;
    async function* counted() {
      for await (const piece of pieces(forged)) {
        given += piece.length;
        yield piece;
      }
    }
    await expectRefusal(() => toArray(bunzip2(counted())), 'archive', /cut short/);
    expect(given).toBeLessThan(forged.length);
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
