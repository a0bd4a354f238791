import { createHash, sign, X509Certificate } from 'node:crypto';
import type { Signer } from './pki.ts';

/** A DER element with the fewest octets of length. */
export function tlv(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), lengthOctets(content.length), content]);
}

function lengthOctets(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const octets = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Buffer.from([0x80 + octets.length, ...octets]);
}

export const hex = (digits: string) => Buffer.from(digits, 'hex');
export const NULL = hex('0500');
export const oid = (digits: string) => tlv(0x06, hex(digits));
export const integer = (digits: string) => tlv(0x02, hex(digits));
export const sequence = (...parts: Uint8Array[]) => tlv(0x30, ...parts);
export const set = (...parts: Uint8Array[]) => tlv(0x31, ...parts);

export const OIDS = {
  signedData: '2a864886f70d010702',
  data: '2a864886f70d010701',
  rsa: '2a864886f70d010101',
  sha512WithRsa: '2a864886f70d01010d',
  sha256WithRsa: '2a864886f70d01010b',
  rsaPss: '2a864886f70d01010a',
  ecdsaWithSha512: '2a8648ce3d040304',
  sha512: '608648016503040203',
  sha384: '608648016503040202',
  sha256: '608648016503040201',
  sha224: '608648016503040204',
  sha1: '2b0e03021a',
  md5: '2a864886f70d0205',
  /** SPC_INDIRECT_DATA_OBJID of Authenticode. */
  peImage: '2b060104018237020104',
};

/** Every part of a module signature; a malformed one is a good one with one part changed. */
export interface Parts {
  contentType: Uint8Array;
  version: Uint8Array;
  digestAlgorithms: Uint8Array;
  encapsulated: Uint8Array;
  /** Between the encapsulated content and the signers: certificates, revocation lists. */
  extras: Uint8Array;
  signerVersion: Uint8Array;
  sid: Uint8Array;
  digestAlgorithm: Uint8Array;
  signedAttributes: Uint8Array;
  signatureAlgorithm: Uint8Array;
  value: Uint8Array;
  unsignedAttributes: Uint8Array;
  /** After the signer's last field. */
  signerTail: Uint8Array;
  /** After the first signer. */
  moreSigners: Uint8Array;
  /** The list of signers, when it is to be another than that of these parts. */
  signers?: Uint8Array;
  signedDataTail: Uint8Array;
  contentInfoTail: Uint8Array;
  tail: Uint8Array;
}

const NOTHING = new Uint8Array();

/** The parts of a good signature: issuer and serial number, SHA-512. */
export function goodParts(content: Uint8Array, signer: Signer): Parts {
  return {
    contentType: oid(OIDS.signedData),
    version: integer('01'),
    digestAlgorithms: set(sequence(oid(OIDS.sha512))),
    encapsulated: sequence(oid(OIDS.data)),
    extras: NOTHING,
    signerVersion: integer('01'),
    sid: issuerAndSerial(signer),
    digestAlgorithm: sequence(oid(OIDS.sha512)),
    signedAttributes: NOTHING,
    signatureAlgorithm: sequence(oid(OIDS.rsa), NULL),
    value: tlv(0x04, sign('sha512', content, signer.key)),
    unsignedAttributes: NOTHING,
    signerTail: NOTHING,
    moreSigners: NOTHING,
    signedDataTail: NOTHING,
    contentInfoTail: NOTHING,
    tail: NOTHING,
  };
}

/** Puts the parts together in their order. */
export function assemble(parts: Parts): Buffer {
  const content = tlv(0xa0, signedData(parts));
  return Buffer.concat([sequence(parts.contentType, content, parts.contentInfoTail), parts.tail]);
}

export function signedData(parts: Parts): Buffer {
  return sequence(
    parts.version,
    parts.digestAlgorithms,
    parts.encapsulated,
    parts.extras,
    parts.signers ?? set(signerInfo(parts), parts.moreSigners),
    parts.signedDataTail,
  );
}

export function signerInfo(parts: Parts): Buffer {
  return sequence(
    parts.signerVersion,
    parts.sid,
    parts.digestAlgorithm,
    parts.signedAttributes,
    parts.signatureAlgorithm,
    parts.value,
    parts.unsignedAttributes,
    parts.signerTail,
  );
}

/**
 * The signer's issuer as it stands in its self-signed certificate, found by its subject being the same. openssl writes
 * UTF8String; `stringTag` has it written as another type.
 */
export function issuerOf(signer: Signer, stringTag = 0x0c): Buffer {
  const subject = new X509Certificate(signer.der).subject.split('\n').map((line) => {
    const [key, value = ''] = line.split('=');
    const type = { O: '55040a', CN: '550403' }[key ?? ''] ?? '';
    return set(sequence(oid(type), tlv(stringTag, Buffer.from(value))));
  });
  return sequence(...subject);
}

export function serialOf(signer: Signer): Buffer {
  const digits = new X509Certificate(signer.der).serialNumber;
  return hex(/^[89A-F]/.test(digits) && digits.length % 2 === 0 ? `00${digits}` : digits);
}

export function issuerAndSerial(signer: Signer): Buffer {
  return sequence(issuerOf(signer), tlv(0x02, serialOf(signer)));
}

/** RFC 5280 section 4.2.1.2 (1): SHA-1 of the key's bits, which is what openssl writes. */
export function keyIdOf(signer: Signer): Buffer {
  const { publicKey } = new X509Certificate(signer.der);
  return createHash('sha1')
    .update(publicKey.export({ type: 'pkcs1', format: 'der' }))
    .digest();
}

/** The trailer behind a signature, with fields to set wrong: algo, hash, id_type, signer_len, key_id_len, padding. */
export function trailer(size: number, fields: Partial<Record<number, number>> = {}): Buffer {
  const bytes = Buffer.alloc(12);
  bytes[2] = 2;
  bytes.writeUInt32BE(size, 8);
  for (const [index, value] of Object.entries(fields)) bytes[Number(index)] = value ?? 0;
  return bytes;
}

export const MARKER = Buffer.from('~Module signature appended~\n');

/** A module file: content, signature, trailer, marker. */
export function append(content: Uint8Array, signature: Uint8Array): Buffer {
  return Buffer.concat([content, signature, trailer(signature.length), MARKER]);
}
