import { type KeyObject, sign } from 'node:crypto';
import type { TrustAnchor } from '../types.ts';

const OID = {
  signedData: oid('2a864886f70d010702'),
  data: oid('2a864886f70d010701'),
  rsaEncryption: oid('2a864886f70d010101'),
  sha512: oid('608648016503040203'),
};
const NULL = Buffer.from('0500', 'hex');

/**
 * A detached signature over `content` in DER: what the kernel's sign-file writes, and so all that patch/signature.ts and
 * the kernel accept. PKCS#7 (RFC 2315, RFC 5652 section 5), version 1, SHA-512, RSA PKCS#1 v1.5, no certificates, no
 * attributes, one signer, named by issuer and serial number.
 */
export function signDetached(content: Uint8Array, key: KeyObject, { issuer, serial }: TrustAnchor): Buffer {
  const version = tlv(0x02, Buffer.from([1]));
  const digestAlgorithm = sequence(OID.sha512);
  const signerInfo = sequence(
    version,
    sequence(issuer, tlv(0x02, serial)),
    digestAlgorithm,
    sequence(OID.rsaEncryption, NULL),
    tlv(0x04, sign('sha512', content, key)),
  );
  const signedData = sequence(version, tlv(0x31, digestAlgorithm), sequence(OID.data), tlv(0x31, signerInfo));
  return sequence(OID.signedData, tlv(0xa0, signedData));
}

function sequence(...parts: Uint8Array[]): Buffer {
  return tlv(0x30, ...parts);
}

function oid(octets: string): Buffer {
  return tlv(0x06, Buffer.from(octets, 'hex'));
}

/** X.690 section 10.1: the length in the fewest octets. */
function tlv(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), lengthOctets(content.length), content]);
}

function lengthOctets(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Buffer.from([0x80 + octets.length, ...octets]);
}
