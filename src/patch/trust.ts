import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
// @peculiar/x509 finds its parts by decorators, which write to Reflect.
import 'reflect-metadata';
import { SubjectKeyIdentifierExtension, X509Certificate } from '@peculiar/x509';
import { LivepatchError, messageOf } from '../errors.ts';
import type { TrustAnchor } from '../types.ts';
import { derReader, enter, expectEnd, nextIs, readElement, TAG } from './der.ts';

/** Whom to believe: the pinned certificates, what they may sign with, and what has been taken back. */
export interface Trust {
  anchors: readonly TrustAnchor[];
  allowSha256: boolean;
  revoked?: Revoked | undefined;
}

/** The deny-list. Lower-case hex. */
export interface Revoked {
  /** SHA-256 fingerprints of certificates. */
  certificates: ReadonlySet<string>;
  /** SHA-512 of the signed part of modules: a signed file is malleable outside it. */
  modules: ReadonlySet<string>;
}

const SHORTEST_RSA = 2048;
const BEGIN = /^-----BEGIN ([^-\r\n]+)-----[ \t]*$/gm;
const BLOCK =
  /^-----BEGIN (?<label>[^-\r\n]+)-----[ \t]*\r?\n(?<base64>[A-Za-z0-9+/=\s]*)^-----END \k<label>-----[ \t]*$/gm;

/**
 * The certificates of a file: one in DER, or one or more in PEM with any text between them, as `openssl x509 -text`
 * writes. `source` names the file in messages. Throws 'trust-anchors' when anything in it cannot be used: a certificate
 * that is skipped in silence is a machine that stops being patched and nobody knows why. Neither expiry nor key usage
 * is looked at: a pinned certificate is a pinned key, for us as for the kernel.
 */
export function parseCertificates(bytes: Uint8Array, source: string): TrustAnchor[] {
  const ders = bytes[0] === TAG.sequence ? [bytes] : decodePem(bytes, source);
  return ders.map((der) => readAnchor(der, source));
}

/** RFC 7468, with the text around the blocks that its section 2 allows. */
function decodePem(bytes: Uint8Array, source: string): Uint8Array[] {
  const text = Buffer.from(bytes).toString('latin1');
  const blocks = [...text.matchAll(BLOCK)];
  if (blocks.length === 0) throw unusable(source, 'it holds no certificate');
  if (blocks.length !== [...text.matchAll(BEGIN)].length) {
    throw unusable(source, 'it holds a PEM block that is broken');
  }
  return blocks.map(({ groups }) => {
    if (groups?.label !== 'CERTIFICATE') {
      throw unusable(source, 'it holds something that is not a certificate');
    }
    const base64 = (groups.base64 ?? '').replace(/\s/g, '');
    const der = Buffer.from(base64, 'base64');
    if (der.toString('base64') !== base64) throw unusable(source, 'it holds a PEM block that is broken');
    return der;
  });
}

/** The names that a signature goes by are taken as raw octets: the kernel compares them so. */
function readAnchor(der: Uint8Array, source: string): TrustAnchor {
  try {
    // First: the library reads whatever text it is given, and does not see what follows the certificate.
    const names = readNames(der);
    const certificate = new X509Certificate(der);
    return {
      source,
      subject: certificate.subject,
      fingerprint: createHash('sha256').update(der).digest('hex'),
      notAfter: certificate.notAfter.toISOString(),
      ...names,
      subjectKeyId: readSubjectKeyId(certificate),
      publicKey: readPublicKey(certificate),
    };
  } catch (cause) {
    throw unusable(source, messageOf(cause), cause);
  }
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
  if (publicKey.asymmetricKeyType !== 'rsa') throw new Error('its key is not an RSA key');
  const bits = publicKey.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < SHORTEST_RSA) throw new Error(`its RSA key of ${bits} bits is too short`);
  return publicKey;
}

function unusable(source: string, why: string, cause?: unknown): LivepatchError {
  return new LivepatchError('trust-anchors', `${source}: ${why}`, {
    hint: 'replace or remove the certificate file',
    cause,
  });
}
