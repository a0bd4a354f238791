/** Numbers from 0 up to, not including, `bound`; the same for the same seed. */
export type Random = (bound: number) => number;

/** mulberry32: 32 bits of state are enough to walk a corpus, and a run is told again by one number. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  };
}

/** What a parser of lengths and numbers is likely to stumble over. */
const INTERESTING = [0, 1, 2, 0x20, 0x30, 0x7f, 0x80, 0x81, 0x84, 0xa0, 0xff];
const INTERESTING_NUMBERS = [
  0,
  1,
  127,
  128,
  255,
  256,
  512,
  32_767,
  65_535,
  65_536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
];

type Mutation = (input: Buffer, random: Random, other: Buffer) => Buffer;

const MUTATIONS: Mutation[] = [
  (input, random) =>
    inPlace(input, random, 1, (at) => input.writeUInt8((input[at] ?? 0) ^ (1 << random(8)), at)),
  (input, random) => inPlace(input, random, 1, (at) => input.writeUInt8(random(256), at)),
  (input, random) => inPlace(input, random, 1, (at) => input.writeUInt8(pick(INTERESTING, random), at)),
  (input, random) =>
    inPlace(input, random, 1, (at) => input.writeUInt8(((input[at] ?? 0) + 256 + random(9) - 4) & 0xff, at)),
  (input, random) =>
    inPlace(input, random, 4, (at) => {
      const number = pick(INTERESTING_NUMBERS, random);
      if (random(2) === 0) input.writeUInt32LE(number, at);
      else input.writeUInt32BE(number, at);
    }),
  // Cut short.
  (input, random) => input.subarray(0, random(input.length + 1)),
  // Take out, put in, repeat, move.
  (input, random) => {
    const [from, to] = range(input, random);
    return Buffer.concat([input.subarray(0, from), input.subarray(to)]);
  },
  (input, random) => {
    const at = random(input.length + 1);
    const bytes = Buffer.from(Array.from({ length: 1 + random(8) }, () => random(256)));
    return Buffer.concat([input.subarray(0, at), bytes, input.subarray(at)]);
  },
  (input, random) => {
    const [from, to] = range(input, random);
    return Buffer.concat([input.subarray(0, to), input.subarray(from)]);
  },
  (input, random) => {
    const [from, to] = range(input, random);
    const at = random(input.length - (to - from) + 1);
    return inPlace(input, random, 0, () => input.copyWithin(at, from, to));
  },
  // The beginning of one, the end of another.
  (input, random, other) =>
    Buffer.concat([input.subarray(0, random(input.length + 1)), other.subarray(random(other.length + 1))]),
];

/** A changed copy of `input`, by one to five mutations; `other` is what it may be crossed with. */
export function mutate(input: Uint8Array, other: Uint8Array, random: Random, longest: number): Buffer {
  let mutated = Buffer.from(input);
  for (let count = 1 + random(5); count > 0; count--) {
    mutated = Buffer.from(pick(MUTATIONS, random)(mutated, random, Buffer.from(other)).subarray(0, longest));
  }
  return mutated;
}

export function pick<T>(items: readonly T[], random: Random): T {
  const item = items[random(items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

/** Lets `write` change `size` bytes somewhere; leaves what is too short for it. */
function inPlace(input: Buffer, random: Random, size: number, write: (at: number) => void): Buffer {
  if (input.length >= Math.max(size, 1)) write(random(input.length - size + 1));
  return input;
}

/** Short ones more often than long ones. */
function range(input: Buffer, random: Random): [number, number] {
  const from = random(input.length + 1);
  const length = random(random(2) === 0 ? 16 : input.length + 1);
  return [from, Math.min(from + length, input.length)];
}
