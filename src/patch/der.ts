import { type ErrorCode, LivepatchError } from '../errors.ts';

/**
 * A reader of DER (X.690 section 10), strict by construction: a definite length in the fewest octets, exactly the tag
 * that the caller names, nothing beyond the enclosing element, nothing left over. It reads forwards, builds no tree and
 * copies nothing, so hostile input costs no more than its own length.
 */

/** Identifier octets of what a signature and a certificate are made of. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  sequence: 0x30,
  set: 0x31,
  /** Context-specific, primitive: `[0] IMPLICIT` around an OCTET STRING. */
  primitive0: 0x80,
  /** Context-specific, constructed. */
  constructed0: 0xa0,
  constructed1: 0xa1,
  constructed3: 0xa3,
} as const;

/** A place in a DER element's content. Only the functions of this file move it. */
export interface DerReader {
  readonly bytes: Uint8Array;
  position: number;
  /** The code of the errors thrown while reading. */
  readonly code: ErrorCode;
}

/** One element: the whole of it, and its content octets alone. Both are views into what was read. */
export interface DerElement {
  raw: Uint8Array;
  content: Uint8Array;
}

/** A reader at the start of `bytes`. */
export function derReader(bytes: Uint8Array, code: ErrorCode): DerReader {
  return { bytes, position: 0, code };
}

/** Whether nothing is left. */
export function atEnd(reader: DerReader): boolean {
  return reader.position === reader.bytes.length;
}

/** Whether the next element has this tag. */
export function nextIs(reader: DerReader, tag: number): boolean {
  return reader.bytes[reader.position] === tag;
}

/** Reads the next element, which must have this tag; `what` names it in the error. */
export function readElement(reader: DerReader, tag: number, what: string): DerElement {
  const start = reader.position;
  if (!nextIs(reader, tag)) {
    throw new LivepatchError(reader.code, `${what} is missing or not of its type`);
  }
  const { length, from } = readLength(reader, start + 1, what);
  const end = from + length;
  if (end > reader.bytes.length) {
    throw new LivepatchError(reader.code, `${what} is longer than what holds it`);
  }
  reader.position = end;
  return { raw: reader.bytes.subarray(start, end), content: reader.bytes.subarray(from, end) };
}

/** Reads the next element like `readElement` and gives a reader of its content. */
export function enter(reader: DerReader, tag: number, what: string): DerReader {
  return derReader(readElement(reader, tag, what).content, reader.code);
}

/** Refuses anything left over after the last element of `what`. */
export function expectEnd(reader: DerReader, what: string): void {
  if (!atEnd(reader)) {
    throw new LivepatchError(reader.code, `${what} holds more than it should`);
  }
}

/** X.690 10.1: the length in its definite form, with the fewest octets. Four octets are more than any file we read. */
function readLength(reader: DerReader, at: number, what: string): { length: number; from: number } {
  const { bytes, code } = reader;
  const first = bytes[at];
  if (first === undefined) throw new LivepatchError(code, `${what} ends within its length`);
  if (first < 0x80) return { length: first, from: at + 1 };
  if (first === 0x80) throw new LivepatchError(code, `${what} has an indefinite length, which is not DER`);

  const count = first - 0x80;
  if (count > 4) throw new LivepatchError(code, `${what} has a length of ${count} octets`);
  let length = 0;
  for (let i = 1; i <= count; i++) {
    const octet = bytes[at + i];
    if (octet === undefined) throw new LivepatchError(code, `${what} ends within its length`);
    length = length * 256 + octet;
  }
  const fewest = length < 0x80 ? 0 : Math.ceil((32 - Math.clz32(length)) / 8);
  if (count !== fewest) {
    throw new LivepatchError(code, `${what} has a needlessly long length, which is not DER`);
  }
  return { length, from: at + 1 + count };
}
