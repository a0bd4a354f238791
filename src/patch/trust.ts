import { createHash, X509Certificate } from 'node:crypto';
import { LivepatchError, messageOf } from '../errors.ts';
import type { TrustAnchor } from '../types.ts';
import { type DerReader, derReader, enter, nextIs, readElement, TAG } from './der.ts';

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
/** 2.5.29.14 */
const SUBJECT_KEY_IDENTIFIER = Buffer.from('551d0e', 'hex');
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

/** OpenSSL, through Node, reads the certificate; the names that a signature goes by are taken as raw octets. */
function readAnchor(der: Uint8Array, source: string): TrustAnchor {
  try {
    const certificate = new X509Certificate(der);
    if (!certificate.raw.equals(der)) throw new Error('it is not in DER, or there are bytes after it');
    const { publicKey } = certificate;
    if (publicKey.asymmetricKeyType !== 'rsa') throw new Error('its key is not an RSA key');
    const bits = publicKey.asymmetricKeyDetails?.modulusLength ?? 0;
    if (bits < SHORTEST_RSA) throw new Error(`its RSA key of ${bits} bits is too short`);
    return {
      source,
      subject: certificate.subject.replaceAll('\n', ', '),
      fingerprint: createHash('sha256').update(der).digest('hex'),
      notAfter: certificate.validToDate.toISOString(),
      ...readNames(der),
      publicKey,
    };
  } catch (cause) {
    throw unusable(source, messageOf(cause), cause);
  }
}

/** The issuer, serial number and subject key identifier of a certificate (RFC 5280 section 4.1). */
function readNames(der: Uint8Array): Pick<TrustAnchor, 'issuer' | 'serial' | 'subjectKeyId'> {
  const certificate = enter(derReader(der, 'trust-anchors'), TAG.sequence, 'the certificate');
  const fields = enter(certificate, TAG.sequence, 'the certificate body');
  if (nextIs(fields, TAG.constructed0)) readElement(fields, TAG.constructed0, 'the version');
  const serial = readElement(fields, TAG.integer, 'the serial number').content;
  readElement(fields, TAG.sequence, 'the signature algorithm');
  const issuer = readElement(fields, TAG.sequence, 'the issuer').raw;
  readElement(fields, TAG.sequence, 'the validity');
  readElement(fields, TAG.sequence, 'the subject');
  readElement(fields, TAG.sequence, 'the public key');
  return { serial, issuer, subjectKeyId: readSubjectKeyId(fields) };
}

/** RFC 5280 section 4.2.1.2, from where the extensions may begin; undefined when there is none. */
function readSubjectKeyId(fields: DerReader): Uint8Array | undefined {
  if (!nextIs(fields, TAG.constructed3)) return undefined;
  const extensions = enter(enter(fields, TAG.constructed3, 'the extensions'), TAG.sequence, 'the extensions');
  while (nextIs(extensions, TAG.sequence)) {
    const extension = enter(extensions, TAG.sequence, 'an extension');
    const oid = readElement(extension, TAG.oid, 'the type of an extension').content;
    if (nextIs(extension, TAG.boolean)) readElement(extension, TAG.boolean, 'the criticality');
    const value = enter(extension, TAG.octetString, 'the value of an extension');
    if (SUBJECT_KEY_IDENTIFIER.equals(oid)) {
      return readElement(value, TAG.octetString, 'the subject key identifier').content;
    }
  }
  return undefined;
}

function unusable(source: string, why: string, cause?: unknown): LivepatchError {
  return new LivepatchError('trust-anchors', `${source}: ${why}`, {
    hint: 'replace or remove the certificate file',
    cause,
  });
}
