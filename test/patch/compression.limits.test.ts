import { gzipSync } from 'node:zlib';
import { expect, test, vi } from 'vitest';
import { unpack } from '../../src/patch/compression.ts';
import { expectRefusal } from './make/expect.ts';
import { pieces, toArray } from './make/tar.ts';

// The real bounds are hundreds of mebibytes; here they are small enough to be walked into.
vi.mock('../../src/limits.ts', async (original) => {
  const { LIMITS } = await original<typeof import('../../src/limits.ts')>();
  const small = {
    archiveBytes: 20_000,
    unpackedBytes: 10_000,
    unpackedFree: 1000,
    unpackedRatio: 2,
    packedFree: 1e6,
  };
  return { LIMITS: { ...LIMITS, patch: { ...LIMITS.patch, ...small } } };
});

/** Bytes that do not compress. */
const noise = (length: number) => crypto.getRandomValues(new Uint8Array(length));

test('refuses what unpacks to more than the bound, though it is no bomb', async () => {
  expect(await toArray(unpack(pieces(gzipSync(noise(10_000)))))).not.toHaveLength(0);
  await expectRefusal(
    () => toArray(unpack(pieces(gzipSync(noise(10_001))))),
    'archive',
    /unpacks to too much/,
  );
});

test('refuses what unpacks to more than twice its size and what is free', async () => {
  const zeros = (length: number) => gzipSync(Buffer.alloc(length));
  const length = 1000 + 2 * zeros(1060).length;
  expect(zeros(length)).toHaveLength(zeros(length + 1).length);
  expect(Buffer.concat(await toArray(unpack(pieces(zeros(length)))))).toHaveLength(length);
  await expectRefusal(() => toArray(unpack(pieces(zeros(length + 1)))), 'archive', /bomb/);
});

test('refuses what is larger than the bound, though it unpacks to nothing', async () => {
  const nothing = gzipSync('');
  const times = 20_000 / nothing.length;
  expect(await toArray(unpack(pieces(Buffer.alloc(20_000, nothing))))).toEqual([]);
  await expectRefusal(
    () => toArray(unpack(pieces(Buffer.alloc((times + 1) * nothing.length, nothing)))),
    'archive',
    /too large/,
  );
});

test('refuses a source that never ends, at the bound', async () => {
  let given = 0;
  async function* endless() {
    yield gzipSync('').subarray(0, 10);
    // An empty stored block of DEFLATE: input without end that unpacks to nothing.
    const empty = Buffer.from('000000ffff'.repeat(200), 'hex');
    for (;;) {
      given += empty.length;
      yield empty;
    }
  }
  await expectRefusal(() => toArray(unpack(endless())), 'archive', /too large/);
  expect(given).toBeLessThan(30_000);
});
