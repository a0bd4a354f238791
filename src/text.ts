/**
 * What may reach a person, or a parser of what a person is shown, of text that others wrote. The rest can drive a
 * terminal, forge a line (Python's str.splitlines and YAML 1.1 break at more than a line feed) or show another order
 * than is written (bidi controls, "Trojan Source"):
 * - Cc: C0, DEL and C1, with NEL;
 * - Zl, Zp: U+2028 and U+2029;
 * - Cf: bidi controls, zero-width characters, tags, the byte order mark;
 * - Cs, Cn: lone surrogates, and what no Unicode version has assigned. Private use (Co) has no glyph either.
 */
const CLASS = String.raw`\p{Cc}\p{Cf}\p{Cs}\p{Cn}\p{Co}\p{Zl}\p{Zp}`;

/** All of a text, most often; and to make the class above, which Unicode fills, costs a command a millisecond. */
const ASCII = /^[ -~]*$/;
let unprintable: RegExp | undefined;

/** Whether this is one line of printable text. */
export function isLine(text: string): boolean {
  return ASCII.test(text) || text.search(unprintableCharacters()) === -1;
}

/** The same, in which line feeds and tabs are allowed. */
export function isProse(text: string): boolean {
  return isLine(text.replaceAll(/[\n\t]/g, ''));
}

/** Puts something else in the place of each such character. */
export function withoutUnprintable(text: string, replacement: (character: string) => string): string {
  return ASCII.test(text) ? text : text.replaceAll(unprintableCharacters(), replacement);
}

/**
 * Text as one printable line.
 * @param maxLength in UTF-16 code units; what is longer is cut there, and ends in `…`.
 */
export function printable(text: string, maxLength: number): string {
  const plain = withoutUnprintable(text.slice(0, maxLength + 1), () => '?');
  return plain.length > maxLength ? `${plain.slice(0, maxLength - 1).replace(/\p{Cs}$/u, '')}…` : plain;
}

function unprintableCharacters(): RegExp {
  unprintable ??= new RegExp(`[${CLASS}]`, 'gu');
  return unprintable;
}
