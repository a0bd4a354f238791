import { constants, hash, publicDecrypt } from 'node:crypto';
import { LivepatchError } from '../errors.ts';
import type { TrustAnchor } from '../types.ts';
import { atEnd, type DerReader, derReader, enter, expectEnd, nextIs, readElement, TAG } from './der.ts';
import { splitSignedModule } from './trailer.ts';

/**
 * Who signed a module or its metadata, and whether that is true.
 *
 * On most machines the kernel loads a module signed by anybody, so this is the only gate. What is accepted is a strict
 * subset of what the kernel accepts: exactly what scripts/sign-file writes, with or without `-k`. For a given
 * certificate, digest and way of naming there is then one encoding only: every octet is either fixed here, equal to the
 * pinned certificate's, or the RSA signature itself.
 */

/** What a signature is over, as messages call it. */
export type Signed = 'the module' | 'metadata.json';

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
    title: 'SHA-512',
    oid: Buffer.from('608648016503040203', 'hex'),
    digestInfo: Buffer.from('3051300d060960864801650304020305000440', 'hex'),
  },
  {
    name: 'sha256',
    title: 'SHA-256',
    oid: Buffer.from('608648016503040201', 'hex'),
    digestInfo: Buffer.from('3031300d060960864801650304020105000420', 'hex'),
  },
] as const;
type Digest = (typeof DIGESTS)[number];

/** Signature algorithms that a module may really carry and that are refused, by object identifier, so as to name them. */
const FOREIGN_ALGORITHMS: ReadonlyMap<string, string> = new Map([
  ['2a864886f70d01010a', 'RSA-PSS'],
  ['2a8648ce3d0401', 'ECDSA and SHA-1'],
  ['2a8648ce3d040301', 'ECDSA and SHA-224'],
  ['2a8648ce3d040302', 'ECDSA and SHA-256'],
  ['2a8648ce3d040303', 'ECDSA and SHA-384'],
  ['2a8648ce3d040304', 'ECDSA and SHA-512'],
  ['2b6570', 'Ed25519'],
  ['608648016503040311', 'ML-DSA-44'],
  ['608648016503040312', 'ML-DSA-65'],
  ['608648016503040313', 'ML-DSA-87'],
]);

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
  /** What was signed: of a module, the file without its signature. */
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
 * its own for each reason; `found` is told of which kind it is.
 */
export function verifySignedModule(
  file: Uint8Array,
  anchors: readonly TrustAnchor[],
  policy: SignaturePolicy,
  found: { signature?: SignatureState } = {},
): SignedContent {
  found.signature = 'bad';
  const { content, signature } = splitSignedModule(file);
  return verifySignature('the module', content, signature, anchors, policy, found);
}

/**
 * Verifies a detached signature over `content` against the pinned certificates. Throws 'signature', with a message of
 * its own for each reason; `found` is told of which kind it is. Expiry is not a reason, as in the kernel: a pinned
 * certificate is a pinned key.
 */
export function verifySignature(
  what: Signed,
  content: Uint8Array,
  signature: Uint8Array | undefined,
  anchors: readonly TrustAnchor[],
  policy: SignaturePolicy,
  found: { signature?: SignatureState } = {},
): SignedContent {
  found.signature = 'bad';
  if (signature === undefined) {
    found.signature = 'unsigned';
    throw refused(`${what} is not signed`);
  }
  const claim = parseSignature(signature);
  const signers = findSigners(claim, anchors);
  if (signers.length === 0) {
    found.signature = 'untrusted';
    throw new LivepatchError('signature', `${what} is signed by a key that is not trusted here`, {
      hint: 'If you trust its signer, add the certificate to signing-certs; if not, report this to those who publish your patches.',
    });
  }
  if (claim.digest.name !== 'sha512' && !policy.allowSha256) {
    throw refused(`${what} is signed with RSA and ${claim.digest.title}, which the policy does not allow`);
  }
  const signed = verifyContent(what, content, claim, signers);
  found.signature = 'good';
  return signed;
}

/**
 * Reads a PKCS#7 message (RFC 2315, RFC 5652 section 5). Throws 'signature' for everything
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
  const hasAttributes = nextIs(signerInfo, TAG.constructed0);
  if (hasAttributes) readElement(signerInfo, TAG.constructed0, 'the signed attributes');
  const signatureAlgorithm = enter(signerInfo, TAG.sequence, 'the signature algorithm');
  readSignatureAlgorithm(signatureAlgorithm);
  if (!Buffer.from(digestAlgorithms).equals(digestAlgorithm.raw)) {
    throw refused('the list of digests is not exactly the digest of the signer');
  }
  const digest = readDigest(derReader(digestAlgorithm.content, 'signature'));
  // Signed attributes would put something else than the content under the signature.
  if (hasAttributes) throw refused('the signature has signed attributes');
  const value = readElement(signerInfo, TAG.octetString, 'the signature value').content;
  // Not under the signature: anybody could put anything there.
  if (nextIs(signerInfo, TAG.constructed1)) throw refused('the signature has unsigned attributes');
  expectEnd(signerInfo, 'the signer');
  return { signer, digest, value };
}

/** Detached: what is signed is the content at hand and nothing else. */
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

/**
 * RFC 3370 section 3.2: rsaEncryption with NULL. First of what is looked at: other algorithms come with other digests
 * and attributes, and it is their name that helps a person.
 */
function readSignatureAlgorithm(algorithm: DerReader): void {
  const oid = readOid(algorithm, 'the signature algorithm');
  const foreign = FOREIGN_ALGORITHMS.get(oid.toString('hex'));
  if (foreign !== undefined) {
    throw refused(`the signature is made with ${foreign}; only RSA with SHA-512 is accepted`);
  }
  if (!oid.equals(OID.rsaEncryption)) throw refused('the signature algorithm is not rsaEncryption');
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
 * The pinned certificates that a claim names, one for each key, by raw octets as the kernel compares them
 * (crypto/asymmetric_keys `asymmetric_key_id_same`). There can be several: a renewed certificate has the key of the old
 * one, or its issuer and serial number with a new key.
 */
function findSigners({ signer }: SignatureClaim, anchors: readonly TrustAnchor[]): TrustAnchor[] {
  const named = anchors.filter((anchor) =>
    'subjectKeyId' in signer
      ? anchor.subjectKeyId !== undefined && same(signer.subjectKeyId, anchor.subjectKeyId)
      : same(signer.issuer, anchor.issuer) && same(signer.serial, anchor.serial),
  );
  return named.filter(({ keyId }, index) => named.findIndex((other) => other.keyId === keyId) === index);
}

/** Verifies the signature with the first of the signers whose key made it. Throws for the last of them. */
function verifyContent(
  what: Signed,
  content: Uint8Array,
  claim: SignatureClaim,
  signers: readonly TrustAnchor[],
): SignedContent {
  const digest = hash(claim.digest.name, content, 'buffer');
  const expected = Buffer.concat([claim.digest.digestInfo, digest]);
  let refusal: unknown;
  for (const signer of signers) {
    try {
      verifyDigestInfo(what, expected, claim.value, signer);
      return signedContent(content, signer, claim.digest.name === 'sha512' ? digest : undefined);
    } catch (error) {
      refusal = error;
    }
  }
  throw refusal;
}

function signedContent(content: Uint8Array, signer: TrustAnchor, sha512: Buffer | undefined): SignedContent {
  let identity = sha512?.toString('hex');
  return {
    content,
    get digest() {
      identity ??= hash('sha512', content, 'hex');
      return identity;
    },
    signer,
  };
}

/**
 * Verifies RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2.2). Node recovers the encoded message and checks its padding; the
 * whole DigestInfo is then compared, never parsed, which leaves no room for Bleichenbacher's forgery. That way the
 * content is hashed once, and the digest can be kept.
 */
function verifyDigestInfo(what: Signed, expected: Uint8Array, value: Uint8Array, signer: TrustAnchor): void {
  const modulusLength = signer.publicKey.asymmetricKeyDetails?.modulusLength ?? 0;
  if (!KEY_LENGTHS.includes(modulusLength)) {
    throw refused(`the key of the signer has ${modulusLength} bits, a length that the kernel does not take`);
  }
  if (value.length * 8 !== modulusLength) {
    throw refused('the signature is not as long as the key of its signer');
  }
  if (!recoverDigestInfo(value, signer).equals(expected)) {
    throw refused(`the signature does not match: ${what} was changed, or signed by another key`);
  }
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
