import type { Secret } from '../secret.ts';

/** Fewer characters of a token in a row are no part of it: 24 of its 32 digits stay unknown. */
const PART = 8;

/**
 * Text of a server, which may repeat what it was sent. A whole token is masked where it stands; a text that repeats a
 * part of one, or one that is encoded, is not repeated at all.
 */
export function withoutSecret(text: string, secret: Secret): string {
  if (secret.reveal() === '') return text;
  const masked = text.replaceAll(secret.reveal(), secret.toString());
  return encodingsOf(secret.reveal()).some((form) => shareRun(masked, form))
    ? '(it repeats the token)'
    : masked;
}

/** As it is, in base64 at each of the three places in a group of three bytes that it may begin at, in hex, backwards. */
function encodingsOf(token: string): string[] {
  const bytes = Buffer.from(token);
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '')
      .slice(shift === 0 ? 0 : shift + 1),
  );
  return [token, ...base64, bytes.toString('hex'), [...token].reverse().join('')];
}

/**
 * Whether both hold the same characters in a row. Case and dashes do not matter. The text is read both as it stands
 * and percent-decoded: in "%00000000" the decoding alone would eat what the reader sees.
 */
function shareRun(text: string, form: string): boolean {
  const length = Math.min(PART, form.length);
  const haystacks = [plain(text), plain(percentDecoded(text))];
  const needle = plain(form);
  for (let start = 0; start + length <= needle.length; start += 1) {
    const run = needle.slice(start, start + length);
    if (haystacks.some((haystack) => haystack.includes(run))) return true;
  }
  return false;
}

function percentDecoded(text: string): string {
  return text.replaceAll(/%([0-9a-f]{2})/gi, (_, digits) => String.fromCharCode(Number.parseInt(digits, 16)));
}

function plain(text: string): string {
  return text
    .toLowerCase()
    .replaceAll('_', '/')
    .replaceAll(/[^a-z0-9/]/g, '');
}
