import type { KeyObject } from 'node:crypto';

/** DigestInfo of SHA-512 up to the digest (RFC 8017 section 9.2). */
export const SHA512_INFO = Buffer.from('3051300d060960864801650304020305000440', 'hex');

/** The raw RSA operation by hand, so that what is under the signature can be anything as long as the modulus. */
export function rawSign(key: KeyObject, encoded: Uint8Array): Buffer {
  const { n, d } = key.export({ format: 'jwk' });
  const signed = modPow(toInteger(encoded), decode(d), decode(n)).toString(16);
  return Buffer.from(signed.padStart(encoded.length * 2, '0'), 'hex');
}

/** EMSA-PKCS1-v1_5 for 2048 bits, or something like it: 0, type, fill, 0, info, tail. */
export function padded(
  type: number,
  fill: number,
  info: Uint8Array,
  tail: Uint8Array = Buffer.alloc(0),
): Buffer {
  const padding = Buffer.alloc(256 - 3 - info.length - tail.length, fill);
  return Buffer.concat([Buffer.from([0, type]), padding, Buffer.from([0]), info, tail]);
}

const toInteger = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
const decode = (base64 = '') => toInteger(Buffer.from(base64, 'base64url'));

function modPow(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let power = base % modulus;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * power) % modulus;
    power = (power * power) % modulus;
  }
  return result;
}
