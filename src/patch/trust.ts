import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
// @peculiar/x509 finds its parts by decorators, which write to Reflect.
import 'reflect-metadata';
import { SubjectKeyIdentifierExtension, X509Certificate } from '@peculiar/x509';
import { LivepatchError } from '../errors.ts';
import { printable } from '../text.ts';
import type { TrustAnchor } from '../types.ts';
import { derReader, enter, expectEnd, nextIs, readElement, TAG } from './der.ts';
import { decodePem, type PemBlock } from './pem.ts';

/** What is trusted: the pinned certificates, what they may sign with, and what has been revoked. */
export interface Trust {
  anchors: readonly TrustAnchor[];
  allowSha256: boolean;
  revoked?: Revoked | undefined;
}

/** What is no longer trusted, though it is signed. Lower-case hex. */
export interface Revoked {
  /** SHA-256 of public keys, as `TrustAnchor.keyId`: all certificates of a key are revoked with it. */
  keys: ReadonlySet<string>;
  /** SHA-512 of the signed part of modules: a signed file is malleable outside it. */
  modules: ReadonlySet<string>;
}

const SHORTEST_RSA = 2048;
/** RFC 5280 allows 64 characters a part; three or four are usual. */
const LONGEST_SUBJECT = 512;

/**
 * The certificates of a file: one in DER, or one or more in PEM with any text around them, as `openssl x509 -text`
 * writes. `source` names the file in messages. Throws 'trust-anchors' when anything in it cannot be used, saying which
 * certificate it is, where it begins and why: a certificate that is skipped in silence is a machine that stops being
 * patched and nobody knows why. Neither expiry nor key usage is looked at: a pinned certificate is a pinned key, for us
 * as for the kernel.
 */
export function parseCertificates(bytes: Uint8Array, source: string): TrustAnchor[] {
  if (bytes[0] === TAG.sequence) return [readAnchor(bytes, source, source)];
  const blocks = decodePem(bytes);
  if (blocks.length === 0) throw unusable(source, 'it holds no certificate');
  return blocks.map((block, index) => {
    const place = blocks.length === 1 ? '' : `certificate ${index + 1} of ${blocks.length}, `;
    const where = `${source}: ${place}line ${block.line}`;
    return readAnchor(certificateOf(block, where), source, where);
  });
}

/** Nothing of what is in a block is ever repeated: it may be a private key. */
function certificateOf({ label, der }: PemBlock, where: string): Uint8Array {
  if (/PRIVATE KEY$/.test(label)) {
    throw new LivepatchError('trust-anchors', `${where}: it is a private key, not a certificate`, {
      hint: 'Only the certificate belongs here. If others can read what you gave, replace the key.',
    });
  }
  if (label !== 'CERTIFICATE') throw unusable(where, 'it is not a certificate');
  if (der === undefined) throw unusable(where, 'the PEM block is broken or cut short');
  return der;
}

/** The names that a signature goes by are taken as raw octets: the kernel compares them so. */
function readAnchor(der: Uint8Array, source: string, where: string): TrustAnchor {
  try {
    // First: the library reads whatever text it is given, and does not see what follows the certificate.
    const names = readNames(der);
    const certificate = new X509Certificate(der);
    const publicKey = readPublicKey(certificate);
    return {
      source,
      subject: printable(certificate.subject, LONGEST_SUBJECT),
      fingerprint: createHash('sha256').update(der).digest('hex'),
      keyId: keyIdOf(publicKey),
      notAfter: certificate.notAfter.toISOString(),
      ...names,
      subjectKeyId: readSubjectKeyId(certificate),
      publicKey,
    };
  } catch (cause) {
    // The library's own messages are no help to a person, and may quote what they read.
    const why = cause instanceof LivepatchError ? cause.message : 'the certificate cannot be read';
    throw unusable(where, why, cause);
  }
}

/** SHA-256 of a public key in DER (SubjectPublicKeyInfo), lower-case hex: the same for each certificate of the key. */
export function keyIdOf(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

/** The issuer and serial number of a certificate (RFC 5280 section 4.1). */
function readNames(der: Uint8Array): Pick<TrustAnchor, 'issuer' | 'serial'> {
  const file = derReader(der, 'trust-anchors');
  const certificate = enter(file, TAG.sequence, 'the certificate');
  expectEnd(file, 'the file or PEM block');
  const fields = enter(certificate, TAG.sequence, 'the certificate body');
  if (nextIs(fields, TAG.constructed0)) readElement(fields, TAG.constructed0, 'the version');
  const serial = readElement(fields, TAG.integer, 'the serial number').content;
  readElement(fields, TAG.sequence, 'the signature algorithm');
  const issuer = readElement(fields, TAG.sequence, 'the issuer').raw;
  return { serial, issuer };
}

function readSubjectKeyId(certificate: X509Certificate): Uint8Array | undefined {
  const extension = certificate.getExtension(SubjectKeyIdentifierExtension);
  return extension === null ? undefined : Buffer.from(extension.keyId, 'hex');
}

function readPublicKey(certificate: X509Certificate): KeyObject {
  const spki = Buffer.from(certificate.publicKey.rawData);
  const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  const { asymmetricKeyType: type, asymmetricKeyDetails } = publicKey;
  if (type !== 'rsa') {
    throw invalid(`its key is not an RSA key${type === undefined ? '' : ` but ${type.toUpperCase()}`}`);
  }
  const bits = asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < SHORTEST_RSA) {
    throw invalid(`its RSA key of ${bits} bits is too short: it must have ${SHORTEST_RSA} or more`);
  }
  return publicKey;
}

function invalid(why: string): LivepatchError {
  return new LivepatchError('trust-anchors', why);
}

function unusable(where: string, why: string, cause?: unknown): LivepatchError {
  return new LivepatchError('trust-anchors', `${where}: ${why}`, {
    hint: 'Replace or remove the certificate.',
    cause,
  });
}
