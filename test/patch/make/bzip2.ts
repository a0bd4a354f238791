import { execFileSync } from 'node:child_process';

/** By bzip2 itself, in blocks of `level` times 100,000 bytes. */
export const bzip2 = (input: Uint8Array, level = 9) =>
  execFileSync('bzip2', [`-${level}`, '-c'], { input, maxBuffer: 2 ** 30 });

/** What stands in a block. Fields that are `string` are bits, spaces aside. */
export interface BlockParts {
  /** Its character in the header of the stream. */
  level?: string;
  origin?: number;
  /** Which of 16 ranges of bytes are used, then which bytes of each that is. */
  used?: string;
  groups?: number;
  selectors?: string[];
  /** Each code: 5 bits for the first length; at each symbol `10` for one more or `11` for one less, and `0`. */
  code?: string;
  symbols?: string;
}

/** The symbols RUNA, RUNB and the end as 0, 10 and 11. */
const CODE = '00001 0 100 0';

/**
 * A stream of one block, written bit by bit, with anything in it open to be set wrong. As it is it holds an `x`. Its
 * checksums are those of `content`, which has to fit into a block.
 */
export function forgedBzip2(parts: BlockParts = {}, content: Uint8Array = Buffer.from('x')): Buffer {
  const { level = '1', origin = 0, groups = 2, selectors = ['0'], code = CODE, symbols = '0 11' } = parts;
  const { used = '0000000100000000 0000000010000000' } = parts;
  const crc = bits(bzip2(content).readUInt32BE(10), 32);
  const head = `${bits(0x314159265359, 48)} ${crc} 0 ${bits(origin, 24)} ${used} ${bits(groups, 3)}`;
  const codes = `${bits(selectors.length, 15)} ${selectors.join('')} ${code.repeat(groups)}`;
  const end = `${bits(0x177245385090, 48)} ${crc}`;
  const all = `${head} ${codes} ${symbols} ${end}`.replaceAll(' ', '');
  const bytes = all.match(/.{1,8}/g) ?? [];
  return Buffer.concat([
    Buffer.from(`BZh${level}`),
    Buffer.from(bytes.map((byte) => Number.parseInt(byte.padEnd(8, '0'), 2))),
  ]);
}

function bits(value: number, width: number): string {
  return value.toString(2).padStart(width, '0');
}
