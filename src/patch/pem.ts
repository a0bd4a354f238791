/** What stands between a BEGIN and an END line. */
export interface PemBlock {
  label: string;
  /** Where its BEGIN line is, counted from 1. */
  line: number;
  /** Undefined when the block is not closed, or what is in it is not base64. */
  der: Uint8Array | undefined;
}

const BEGIN = /^[ \t]*-----BEGIN ([^-]+)-----[ \t]*$/;
const END = /^[ \t]*-----END ([^-]+)-----[ \t]*$/;

/**
 * The blocks of a PEM file (RFC 7468), in their order, with any text around them, as its section 2 allows. A mark of the
 * byte order, the line ends of Windows and indentation, as they come from editors and YAML files, are passed over.
 */
export function decodePem(bytes: Uint8Array): PemBlock[] {
  // Latin-1 takes any byte, and a byte order mark is then three letters, which can stand before the first line only.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const lines = text.replace(/^\xef\xbb\xbf/, '').split(/\r\n|\n|\r/);
  const blocks: PemBlock[] = [];
  for (let at = 0; at < lines.length; at++) {
    const [, label] = BEGIN.exec(lines[at] ?? '') ?? [];
    if (label === undefined) continue;
    const line = at + 1;
    const body = bodyOf(lines, at + 1);
    at = body.end;
    blocks.push({ label, line, der: body.label === label ? decodeBase64(body.base64) : undefined });
  }
  return blocks;
}

/** Up to the line that ends it; or before the next beginning, or the end of the file, where no line does. */
function bodyOf(lines: readonly string[], from: number): { base64: string; label?: string; end: number } {
  for (let at = from; at < lines.length; at++) {
    const line = lines[at] ?? '';
    const [, label] = END.exec(line) ?? [];
    if (label !== undefined) return { base64: lines.slice(from, at).join(''), label, end: at };
    if (BEGIN.test(line)) return { base64: '', end: at - 1 };
  }
  return { base64: '', end: lines.length };
}

/** Node skips what is not base64; here it is a block that somebody damaged. */
function decodeBase64(text: string): Uint8Array | undefined {
  const base64 = text.replace(/[ \t]/g, '');
  const der = Buffer.from(base64, 'base64');
  return der.toString('base64') === base64 ? der : undefined;
}
