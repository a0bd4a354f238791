import { constants, hash, publicDecrypt } from 'node:crypto';
import { LivepatchError } from '../errors.ts';
import type { TrustAnchor } from '../types.ts';
import { atEnd, type DerReader, derReader, enter, expectEnd, nextIs, readElement, TAG } from './der.ts';
import { splitSignedModule } from './trailer.ts';

/**
 * Who signed a module, and whether that is true.
 *
 * On most machines the kernel loads a module signed by anybody, so this is the only gate. What is accepted is a strict
 * subset of what the kernel accepts: exactly what scripts/sign-file writes, with or without `-k`. For a given
 * certificate, digest and way of naming there is then one encoding only: every octet is either fixed here, equal to the
 * pinned certificate's, or the RSA signature itself.
 */

const OID = {
  /** 1.2.840.113549.1.7.2 */
  signedData: Buffer.from('2a864886f70d010702', 'hex'),
  /** 1.2.840.113549.1.7.1 */
  data: Buffer.from('2a864886f70d010701', 'hex'),
  /** 1.2.840.113549.1.1.1 */
  rsaEncryption: Buffer.from('2a864886f70d010101', 'hex'),
};

/** The digests that can be accepted: object identifier, and DigestInfo up to the digest (RFC 8017 section 9.2). */
const DIGESTS = [
  {
    name: 'sha512',
    oid: Buffer.from('608648016503040203', 'hex'),
    digestInfo: Buffer.from('3051300d060960864801650304020305000440', 'hex'),
  },
  {
    name: 'sha256',
    oid: Buffer.from('608648016503040201', 'hex'),
    digestInfo: Buffer.from('3031300d060960864801650304020105000420', 'hex'),
  },
] as const;
type Digest = (typeof DIGESTS)[number];

/** In bits: the kernel's RSA takes no other above the 1536 that are too short (crypto/rsa.c `rsa_check_key_length`). */
const KEY_LENGTHS: readonly number[] = [2048, 3072, 4096];

/** What a PKCS#7 message says of itself: nothing here is verified yet. */
export interface SignatureClaim {
  signer: { issuer: Uint8Array; serial: Uint8Array } | { subjectKeyId: Uint8Array };
  digest: Digest;
  /** The RSA signature. */
  value: Uint8Array;
}

/** Which signatures may be accepted beyond RSA with SHA-512. */
export interface SignaturePolicy {
  allowSha256: boolean;
}

/** Content that is proven to be signed by a pinned certificate. */
export interface SignedContent {
  /** What was signed: the file without its signature. */
  readonly content: Uint8Array;
  /**
   * SHA-512 over `content`, lower-case hex. The file's own hash is no identity: anybody can re-wrap a signature.
   * Where the signature is over another digest, it costs a second pass, taken when it is first asked for.
   */
  readonly digest: string;
  readonly signer: TrustAnchor;
}

/**
 * How the check of a signature ended. `bad`: malformed, not allowed by the policy, or not matching; `untrusted`: made
 * by none of the pinned certificates.
 */
export type SignatureState = 'good' | 'bad' | 'untrusted' | 'unsigned';

/**
 * Verifies a module file's appended signature against the pinned certificates. Throws 'signature', with a message of
 * its own for each reason; `found` is told of which kind it is. Expiry is not a reason, as in the kernel: a pinned
 * certificate is a pinned key.
 */
export function verifySignedModule(
  file: Uint8Array,
  anchors: readonly TrustAnchor[],
  policy: SignaturePolicy,
  found: { signature?: SignatureState } = {},
): SignedContent {
  found.signature = 'bad';
  const { content, signature } = splitSignedModule(file);
  if (signature === undefined) {
    found.signature = 'unsigned';
    throw refused('the module is not signed');
  }
  const claim = parseSignature(signature);
  const signer = findSigner(claim, anchors);
  if (signer === undefined) {
    found.signature = 'untrusted';
    throw new LivepatchError('signature', 'the module is signed by a key that is not trusted here', {
      hint: 'If you trust its signer, add the certificate to signing-certs; if not, report this to whoever runs the server.',
    });
  }
  if (claim.digest.name !== 'sha512' && !policy.allowSha256) {
    throw refused(`the signature uses ${claim.digest.name}, which the policy does not allow`);
  }
  const signed = verifyContent(content, claim, signer);
  found.signature = 'good';
  return signed;
}

/**
 * Reads the PKCS#7 message of a module signature (RFC 2315, RFC 5652 section 5). Throws 'signature' for everything
 * that scripts/sign-file does not write.
 */
export function parseSignature(der: Uint8Array): SignatureClaim {
  const message = derReader(der, 'signature');
  const contentInfo = enter(message, TAG.sequence, 'the PKCS#7 message');
  if (!atEnd(message)) throw refused('there are bytes after the PKCS#7 message');
  if (!readOid(contentInfo, 'the content type').equals(OID.signedData)) {
    throw refused('the PKCS#7 message is not signed data');
  }
  const explicit = enter(contentInfo, TAG.constructed0, 'the content');
  expectEnd(contentInfo, 'the PKCS#7 message');
  const signedData = enter(explicit, TAG.sequence, 'the signed data');
  expectEnd(explicit, 'the content');

  const version = readVersion(signedData);
  const digestAlgorithms = readElement(signedData, TAG.set, 'the list of digests').content;
  readEncapsulated(signedData);
  // The kernel takes certificates from the message and lets them vouch for one another. We pin; we build no chain.
  if (nextIs(signedData, TAG.constructed0)) throw refused('the signature embeds certificates');
  if (nextIs(signedData, TAG.constructed1)) throw refused('the signature embeds revocation lists');
  const signerInfos = enter(signedData, TAG.set, 'the list of signers');
  expectEnd(signedData, 'the signed data');

  const signerInfo = enter(signerInfos, TAG.sequence, 'the signer');
  // The kernel is content with one good signer among many, so a second could hide what the first is.
  if (!atEnd(signerInfos)) throw refused('the signature has more than one signer');
  return readSignerInfo(signerInfo, version, digestAlgorithms);
}

/** RFC 5652 section 5.3. The version follows from how the signer is named, and the message's own must be the same. */
function readSignerInfo(
  signerInfo: DerReader,
  messageVersion: number,
  digestAlgorithms: Uint8Array,
): SignatureClaim {
  const version = readVersion(signerInfo);
  const signer = nextIs(signerInfo, TAG.primitive0)
    ? { subjectKeyId: readElement(signerInfo, TAG.primitive0, 'the key identifier').content }
    : readIssuerAndSerial(signerInfo);
  if (version !== ('subjectKeyId' in signer ? 3 : 1)) {
    throw refused('the signer has a version that does not fit how it is named');
  }
  if (messageVersion !== version) throw refused('the signature has a version other than its signer');

  const digestAlgorithm = readElement(signerInfo, TAG.sequence, 'the digest algorithm');
  if (!Buffer.from(digestAlgorithms).equals(digestAlgorithm.raw)) {
    throw refused('the list of digests is not exactly the digest of the signer');
  }
  const digest = readDigest(derReader(digestAlgorithm.content, 'signature'));
  // Signed attributes would put something else than the module under the signature.
  if (nextIs(signerInfo, TAG.constructed0)) throw refused('the signature has signed attributes');
  readSignatureAlgorithm(signerInfo);
  const value = readElement(signerInfo, TAG.octetString, 'the signature value').content;
  // Not under the signature: anybody could put anything there.
  if (nextIs(signerInfo, TAG.constructed1)) throw refused('the signature has unsigned attributes');
  expectEnd(signerInfo, 'the signer');
  return { signer, digest, value };
}

/** Detached: the content is the module and nothing else. */
function readEncapsulated(signedData: DerReader): void {
  const encapsulated = enter(signedData, TAG.sequence, 'the encapsulated content');
  if (!readOid(encapsulated, 'the type of what is signed').equals(OID.data)) {
    throw refused('what is signed is not plain data');
  }
  if (!atEnd(encapsulated)) throw refused('the signature carries content of its own');
}

function readIssuerAndSerial(signerInfo: DerReader): { issuer: Uint8Array; serial: Uint8Array } {
  const sid = enter(signerInfo, TAG.sequence, 'the issuer and serial number');
  const issuer = readElement(sid, TAG.sequence, 'the issuer').raw;
  const serial = readElement(sid, TAG.integer, 'the serial number').content;
  expectEnd(sid, 'the issuer and serial number');
  return { issuer, serial };
}

/** Parameters absent, or NULL as OpenSSL before 3.0 wrote them. */
function readDigest(algorithm: DerReader): Digest {
  const oid = readOid(algorithm, 'the digest');
  const digest = DIGESTS.find((known) => oid.equals(known.oid));
  if (digest === undefined) throw refused('the signature uses a digest other than SHA-512 or SHA-256');
  if (!atEnd(algorithm)) readNull(algorithm, 'the parameters of the digest');
  expectEnd(algorithm, 'the digest algorithm');
  return digest;
}

/** RFC 3370 section 3.2: rsaEncryption with NULL. */
function readSignatureAlgorithm(signerInfo: DerReader): void {
  const algorithm = enter(signerInfo, TAG.sequence, 'the signature algorithm');
  if (!readOid(algorithm, 'the signature algorithm').equals(OID.rsaEncryption)) {
    throw refused('the signature algorithm is not rsaEncryption');
  }
  readNull(algorithm, 'the parameters of the signature algorithm');
  expectEnd(algorithm, 'the signature algorithm');
}

/** A version of one octet: 1 and 3 are the only ones that are compared with. */
function readVersion(reader: DerReader): number {
  const { content } = readElement(reader, TAG.integer, 'the version');
  const [version] = content;
  if (content.length !== 1 || version === undefined) throw refused('the version is not a small number');
  return version;
}

function readOid(reader: DerReader, what: string): Buffer {
  const { content } = readElement(reader, TAG.oid, what);
  return Buffer.from(content.buffer, content.byteOffset, content.length);
}

function readNull(reader: DerReader, what: string): void {
  if (readElement(reader, TAG.null, what).content.length !== 0) throw refused(`${what} are not NULL`);
}

/**
 * The pinned certificate that a claim names, by raw octets as the kernel compares them (crypto/asymmetric_keys
 * `asymmetric_key_id_same`); undefined when none does. Throws 'signature' when different certificates share the name.
 */
function findSigner(claim: SignatureClaim, anchors: readonly TrustAnchor[]): TrustAnchor | undefined {
  const { signer } = claim;
  const named = anchors.filter((anchor) =>
    'subjectKeyId' in signer
      ? anchor.subjectKeyId !== undefined && same(signer.subjectKeyId, anchor.subjectKeyId)
      : same(signer.issuer, anchor.issuer) && same(signer.serial, anchor.serial),
  );
  const [first] = named;
  if (named.some((anchor) => anchor.fingerprint !== first?.fingerprint)) {
    throw refused('several trusted certificates go by the name of the signer');
  }
  return first;
}

/**
 * Verifies RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2.2). Node recovers the encoded message and checks its padding; the
 * whole DigestInfo is then compared, never parsed, which leaves no room for Bleichenbacher's forgery. That way the
 * content is hashed once, and the digest can be kept.
 */
function verifyContent(content: Uint8Array, claim: SignatureClaim, signer: TrustAnchor): SignedContent {
  const modulusLength = signer.publicKey.asymmetricKeyDetails?.modulusLength ?? 0;
  if (!KEY_LENGTHS.includes(modulusLength)) {
    throw refused(`the key of the signer has ${modulusLength} bits, a length that the kernel does not take`);
  }
  if (claim.value.length * 8 !== modulusLength) {
    throw refused('the signature is not as long as the key of its signer');
  }
  const digest = hash(claim.digest.name, content, 'buffer');
  if (!recoverDigestInfo(claim.value, signer).equals(Buffer.concat([claim.digest.digestInfo, digest]))) {
    throw refused('the signature does not match: the module was changed, or signed by another key');
  }
  let identity = claim.digest.name === 'sha512' ? digest.toString('hex') : undefined;
  return {
    content,
    get digest() {
      identity ??= hash('sha512', content, 'hex');
      return identity;
    },
    signer,
  };
}

function recoverDigestInfo(value: Uint8Array, signer: TrustAnchor): Buffer {
  try {
    return publicDecrypt({ key: signer.publicKey, padding: constants.RSA_PKCS1_PADDING }, value);
  } catch (cause) {
    throw refused('the signature was not made by the key of its signer', cause);
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function refused(message: string, cause?: unknown): LivepatchError {
  return new LivepatchError('signature', message, { cause });
}
