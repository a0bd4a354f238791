/**
 * Any value as JSON that is safe to print: what could drive a terminal is escaped as well, and lone surrogates, which
 * readers in other languages cannot encode again, are replaced.
 */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(
    value,
    (_, inner) => (typeof inner === 'string' ? inner.toWellFormed() : inner),
    2,
  );
  // The line feeds that are left are the layout's own: inside of strings they are escaped already.
  return text.replace(/(?!\n)[\p{C}\p{Zl}\p{Zp}]/gu, escaped);
}

/** Outside the basic plane a character takes two escapes (RFC 8259 section 7). */
function escaped(character: string): string {
  return [...Array(character.length).keys()]
    .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
    .join('');
}
