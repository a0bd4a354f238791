import { inspect } from 'node:util';

/**
 * A token. It leaves this object only by `reveal()`, so that no log line, error, JSON or template string can hold
 * it by accident: everything else shows the first 4 characters and masks the rest.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The token itself. Callers: the Authorization header, the token's file, and `status --show-secrets`. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return this.#value.slice(0, 4) + '*'.repeat(Math.max(this.#value.length - 4, 0));
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

/** So much of a secret is recognized wherever it stands; less would also be found by chance. */
const SHORTEST_PART = 8;

/**
 * Masks secrets in a text: whole ones, and any piece of 8 characters or more, such as a cut leaves; as they are, and
 * percent-, base64- or JSON-encoded, alone or within something longer. To be applied before a text is cut.
 */
export function mask(text: string, secrets: readonly Secret[]): string {
  return secrets.reduce((masked, secret) => maskOne(masked, secret), text);
}

function maskOne(text: string, secret: Secret): string {
  const value = secret.reveal();
  const isPiece = piecesIn(text, formsOf(value));
  let masked = '';
  for (let at = 0; at < text.length; ) {
    const end = isPiece.indexOf(isPiece[at] === 1 ? 0 : 1, at);
    const run = text.slice(at, end === -1 ? undefined : end);
    if (isPiece[at] !== 1) masked += run;
    else masked += run.startsWith(value.slice(0, SHORTEST_PART)) ? secret.toString() : '****';
    at += run.length;
  }
  return masked;
}

/** 1 for each character of the text that belongs to a piece of any of the forms. */
function piecesIn(text: string, forms: readonly string[]): Uint8Array {
  const isPiece = new Uint8Array(text.length);
  for (const form of forms) {
    const length = Math.min(SHORTEST_PART, form.length);
    for (let at = 0; at + length <= text.length; at += 1) {
      if (form.includes(text.slice(at, at + length))) isPiece.fill(1, at, at + length);
    }
  }
  return isPiece;
}

function formsOf(value: string): string[] {
  const bytes = Buffer.from(value);
  const everyByte = (digits: (hex: string) => string) =>
    [...bytes].map((byte) => `%${digits(byte.toString(16).padStart(2, '0'))}`).join('');
  const forms = [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    encodeURIComponent(value).replaceAll(/%../g, (code) => code.toLowerCase()),
    everyByte((hex) => hex),
    everyByte((hex) => hex.toUpperCase()),
    ...[0, 1, 2].flatMap((offset) => base64At(bytes, offset)),
  ];
  return [...new Set(forms)].filter((form) => form !== '');
}

/** The digits of base64 and base64url that depend on these bytes alone, when they begin at this offset of a triple. */
function base64At(bytes: Uint8Array, offset: number): string[] {
  const all = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64url');
  const first = Math.ceil((offset * 8) / 6);
  const last = Math.floor(((offset + bytes.length) * 8) / 6);
  const digits = all.slice(first, last);
  return [digits, digits.replaceAll('-', '+').replaceAll('_', '/')];
}

/** The address of a proxy, or the like, with its password masked, however it is spelled: up to the last @. */
export function maskPassword(text: string, stars: string): string {
  return text.replace(/^((?:[a-z][a-z0-9+.-]*:\/\/)?[^:@\s]*):(?!\/\/)[^\s]*@/i, `$1:${stars}@`);
}
