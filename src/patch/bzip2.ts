import { LivepatchError } from '../errors.ts';

/**
 * Decompresses bzip2 as it streams: upstream's patch files are `.tar.bz2`, Node has no bzip2, and the packages that do
 * want the whole input at once or hold a block's output, up to 46 MiB of it, as an array of numbers.
 * One block is decoded at a time, from a bounded stretch of input, and given out in pieces; memory is 6 MiB at most.
 * The format is described in "BZIP2: Format Specification" (Joe Tsai, 2016); section numbers below are of it.
 */

/**
 * Input that a block may take up. An encoder writes at most 1.01 times a block's 900,000 bytes plus 600 (the promise
 * of libbz2's manual); a forged block that runs further is refused as cut short.
 */
const BLOCK_INPUT = 1024 * 1024;
const PIECE = 64 * 1024;
/** Bytes of a block at level 1, as bzip2 counts them. */
const LEVEL = 100_000;
const BLOCK_MAGIC = 0x314159265359;
const END_MAGIC = 0x177245385090;
const LONGEST_CODE = 20;
const SYMBOLS_PER_SELECTOR = 50;
const RUNA = 0;
const RUNB = 1;

/** CRC-32 with polynomial 0x04c11db7, most significant bit first. */
const CRC_TABLE = Int32Array.from({ length: 256 }, (_, index) => {
  let crc = index << 24;
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc < 0 ? 0x04c11db7 : 0);
  return crc;
});

/** Throws 'archive' when the stream is not bzip2, is cut short, or any checksum in it is wrong. */
export async function* bunzip2(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const input = bitInput(source[Symbol.asyncIterator]());
  // Made once: a file can be a million streams of nothing.
  const links = new Uint32Array(9 * LEVEL);
  // Parallel compressors write several streams one after the other (section 2.1).
  do yield* readStream(input, links);
  while (!(await ended(input)));
}

async function* readStream(input: BitInput, links: Uint32Array): AsyncGenerator<Uint8Array> {
  await fill(input);
  if (readBits(input, 24) !== 0x425a68) throw broken('it does not begin as bzip2 does');
  const level = readBits(input, 8) - 0x30;
  if (level < 1 || level > 9) throw broken('its block size is none');

  let streamCrc = 0;
  for (;;) {
    await fill(input);
    const magic = readBits(input, 24) * 2 ** 24 + readBits(input, 24);
    const expectedCrc = readWord(input);
    if (magic === END_MAGIC) {
      if (expectedCrc !== streamCrc) throw broken('its checksum is wrong');
      // What is left of the last byte is padding.
      input.count = 0;
      return;
    }
    if (magic !== BLOCK_MAGIC) throw broken('a block does not begin as it should');
    const block = readBlock(input, links.subarray(0, level * LEVEL));
    const crc = yield* expand(block);
    if (crc !== expectedCrc) throw broken('the checksum of a block is wrong');
    streamCrc = ((streamCrc << 1) | (streamCrc >>> 31)) ^ crc;
  }
}

/** A block before the inverse transform: byte in the low 8 bits of each link, position of the next link above. */
interface Block {
  links: Uint32Array;
  length: number;
  first: number;
}

function readBlock(input: BitInput, links: Uint32Array): Block {
  if (readBits(input, 1) !== 0) throw broken('it was made by a version before 0.9.5');
  const origin = readBits(input, 24);
  const length = readSymbols(input, links);
  if (origin >= length) throw broken('a block begins outside itself');
  link(links, length);
  return { links, length, first: (links[origin] ?? 0) >>> 8 };
}

/** Sections 2.2.2 to 2.2.6: Huffman codes, runs of the first symbol, move-to-front. Gives the number of bytes. */
function readSymbols(input: BitInput, into: Uint32Array): number {
  const front = readUsedBytes(input);
  const endOfBlock = front.length + 1;
  const groups = readBits(input, 3);
  if (groups < 2 || groups > 6) throw broken('it has an impossible number of codes');
  const selectors = readSelectors(input, groups);
  const codes = Array.from({ length: groups }, () => readCode(input, front.length + 2));

  let length = 0;
  let run = 0;
  let runBit = 0;
  for (let read = 0; ; read++) {
    const code = codes[selectors[Math.floor(read / SYMBOLS_PER_SELECTOR)] ?? -1];
    if (code === undefined) throw broken('a block has no end');
    const symbol = readSymbol(input, code);
    if (symbol === RUNA || symbol === RUNB) {
      // A digit of a bijective base-2 number. Bounded at each, so that it never grows past what a shift can hold.
      run += (symbol + 1) << runBit++;
      if (length + run > into.length) throw broken('a run is longer than its block');
      continue;
    }
    into.fill(front[0] ?? 0, length, length + run);
    length += run;
    run = 0;
    runBit = 0;
    if (symbol === endOfBlock) return length;
    if (length === into.length) throw broken('a block is longer than it may be');
    into[length++] = moveToFront(front, symbol - 1);
  }
}

/** Section 2.2.3: a map of 16 ranges, then of the 16 bytes in each that is used. */
function readUsedBytes(input: BitInput): Uint8Array {
  const ranges = readBits(input, 16);
  const used: number[] = [];
  for (let range = 0; range < 16; range++) {
    if ((ranges & (0x8000 >> range)) === 0) continue;
    const bytes = readBits(input, 16);
    for (let i = 0; i < 16; i++) {
      if ((bytes & (0x8000 >> i)) !== 0) used.push(range * 16 + i);
    }
  }
  if (used.length === 0) throw broken('a block uses no byte');
  return Uint8Array.from(used);
}

/** Section 2.2.4: which code each 50 symbols use, move-to-front and in unary. */
function readSelectors(input: BitInput, groups: number): Uint8Array {
  const front = Uint8Array.from({ length: groups }, (_, index) => index);
  return new Uint8Array(readBits(input, 15)).map(() => {
    let index = 0;
    while (readBits(input, 1) === 1) {
      if (++index === groups) throw broken('a block chooses a code that is not there');
    }
    return moveToFront(front, index);
  });
}

/** A canonical Huffman code: for each length the last code of it, and where its symbols begin. */
interface Code {
  last: Int32Array;
  offset: Int32Array;
  symbols: Uint16Array;
}

/** Section 2.2.5: code lengths, each as the difference from the one before. */
function readCode(input: BitInput, size: number): Code {
  const lengths = new Uint8Array(size);
  let length = readBits(input, 5);
  for (let symbol = 0; symbol < size; symbol++) {
    for (;;) {
      if (length < 1 || length > LONGEST_CODE) throw broken('a code has an impossible length');
      if (readBits(input, 1) === 0) break;
      length += readBits(input, 1) === 0 ? 1 : -1;
    }
    lengths[symbol] = length;
  }

  const code = {
    last: new Int32Array(LONGEST_CODE + 1),
    offset: new Int32Array(LONGEST_CODE + 1),
    symbols: new Uint16Array(size),
  };
  let next = 0;
  let sorted = 0;
  for (length = 1; length <= LONGEST_CODE; length++) {
    code.offset[length] = sorted - next;
    for (let symbol = 0; symbol < size; symbol++) {
      if (lengths[symbol] === length) code.symbols[sorted++] = symbol;
    }
    next = sorted - (code.offset[length] ?? 0);
    code.last[length] = next - 1;
    next <<= 1;
  }
  return code;
}

function readSymbol(input: BitInput, { last, offset, symbols }: Code): number {
  let value = 0;
  for (let length = 1; length <= LONGEST_CODE; length++) {
    value = (value << 1) | readBits(input, 1);
    if (value <= (last[length] ?? -1)) {
      const symbol = symbols[value + (offset[length] ?? 0)];
      if (symbol !== undefined) return symbol;
    }
  }
  throw broken('a code stands for nothing');
}

function moveToFront(front: Uint8Array, index: number): number {
  const byte = front[index];
  if (byte === undefined) throw broken('a symbol stands for nothing');
  for (let i = index; i > 0; i--) front[i] = front[i - 1] ?? 0;
  front[0] = byte;
  return byte;
}

/** Section 2.2.7: links each byte with the one that follows it, which undoes the Burrows-Wheeler transform. */
function link(links: Uint32Array, length: number): void {
  const starts = new Uint32Array(257);
  for (let i = 0; i < length; i++) {
    const after = ((links[i] ?? 0) & 0xff) + 1;
    starts[after] = (starts[after] ?? 0) + 1;
  }
  for (let byte = 0; byte < 256; byte++) starts[byte + 1] = (starts[byte + 1] ?? 0) + (starts[byte] ?? 0);
  for (let i = 0; i < length; i++) {
    const byte = (links[i] ?? 0) & 0xff;
    const at = starts[byte] ?? 0;
    starts[byte] = at + 1;
    links[at] = (links[at] ?? 0) | (i << 8);
  }
}

/** Where the expansion of a block stands. */
interface Expansion {
  next: number;
  read: number;
  byte: number;
  /** Equal bytes given out in a row; a fourth is followed by a count. */
  equal: number;
  /** Copies of `byte` still to be given out. */
  copies: number;
  crc: number;
}

/** Gives out a block in pieces, and at last the CRC of them all. */
function* expand(block: Block): Generator<Uint8Array, number> {
  const state: Expansion = { next: block.first, read: 0, byte: 0, equal: 0, copies: 0, crc: -1 };
  while (state.read < block.length || state.copies > 0) {
    const piece = new Uint8Array(PIECE);
    yield piece.subarray(0, expandInto(piece, block, state));
  }
  return ~state.crc;
}

/** Section 2.2.8: after four equal bytes a fifth counts how many more follow. Gives the number of bytes written. */
function expandInto(piece: Uint8Array, { links, length }: Block, state: Expansion): number {
  let { next, read, byte, equal, copies, crc } = state;
  let filled = 0;
  while (filled < piece.length) {
    if (copies === 0) {
      if (read === length) break;
      const entry = links[next] ?? 0;
      const value = entry & 0xff;
      next = entry >>> 8;
      read++;
      if (equal === 4) {
        copies = value;
        equal = 0;
        continue;
      }
      equal = value === byte ? equal + 1 : 1;
      byte = value;
      copies = 1;
    }
    copies--;
    crc = (crc << 8) ^ (CRC_TABLE[(crc >>> 24) ^ byte] ?? 0);
    piece[filled++] = byte;
  }
  Object.assign(state, { next, read, byte, equal, copies, crc });
  return filled;
}

/** The input as bits, most significant first. Only what `fill` has fetched can be read. */
interface BitInput {
  source: AsyncIterator<Uint8Array>;
  window: Uint8Array;
  /** The next byte of the window. */
  position: number;
  /** The last bytes taken; `count` of the low bits are not read yet. */
  bits: number;
  count: number;
  sourceEnded: boolean;
}

function bitInput(source: AsyncIterator<Uint8Array>): BitInput {
  return { source, window: new Uint8Array(), position: 0, bits: 0, count: 0, sourceEnded: false };
}

/** Fetches enough for a block, or all there is. */
async function fill(input: BitInput): Promise<void> {
  let available = input.window.length - input.position;
  if (available >= BLOCK_INPUT || input.sourceEnded) return;
  const parts = [input.window.subarray(input.position)];
  while (available < BLOCK_INPUT) {
    const { done, value } = await input.source.next();
    if (done) {
      input.sourceEnded = true;
      break;
    }
    parts.push(value);
    available += value.length;
  }
  input.window = Buffer.concat(parts);
  input.position = 0;
}

async function ended(input: BitInput): Promise<boolean> {
  await fill(input);
  return input.position === input.window.length;
}

/** Reads up to 24 bits. */
function readBits(input: BitInput, count: number): number {
  while (input.count < count) {
    const byte = input.window[input.position++];
    if (byte === undefined) throw broken('it is cut short');
    input.bits = (input.bits << 8) | byte;
    input.count += 8;
  }
  input.count -= count;
  return (input.bits >>> input.count) & ((1 << count) - 1);
}

/** 32 bits, as the signed number that the CRC is kept in. */
function readWord(input: BitInput): number {
  return (readBits(input, 16) << 16) | readBits(input, 16);
}

function broken(why: string): LivepatchError {
  return new LivepatchError('archive', `the patch file was refused: its bzip2 is broken: ${why}`);
}
