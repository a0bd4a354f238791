import { constants, createHash, generateKeyPairSync, sign } from 'node:crypto';
import * as cms from './cms.ts';
import { expired, keptSigner, opensslSign, type Signer } from './pki.ts';
import { padded, rawSign, SHA512_INFO } from './rsa.ts';

/** A module file, and who accepts it with all but Mallory's and the intruder's certificates pinned. */
export interface Row {
  /** Reads as "a signature with …", or "a file with …". */
  what: string;
  file: Buffer;
  /** The PKCS#7 in it; absent where the file around it is what is odd, which does not concern openssl. */
  message?: Buffer | undefined;
  /** What we say as we refuse it; undefined where we accept it. */
  refusal: RegExp | undefined;
  openssl: boolean;
  kernel: boolean;
  /** Why we refuse it though the kernel accepts it. */
  why?: string | undefined;
}

/** Who accepts what a row describes, besides us. */
type Others = 'nobody' | 'openssl' | 'kernel' | 'both';
/** A message, or what to change of a good one. */
type Change = Buffer | Partial<cms.Parts>;
type Refused = [what: string, change: Change, refusal: RegExp, others: Others, why?: string];

export type Signers = ReturnType<typeof makeSigners>;

/** Certificates like the field's: an end entity that may sign. */
export function makeSigners() {
  const signer = (name: string, newkey = 'rsa:2048', ...extra: string[]) =>
    keptSigner({
      newkey,
      subject: `/O=Test/CN=${name}`,
      extra: ['-addext', 'basicConstraints=critical,CA:FALSE', ...extra],
    });
  return {
    alice: signer('Alice'),
    bob: signer('Bob'),
    mallory: signer('Mallory'),
    large: signer('Large', 'rsa:3072'),
    weak: signer('Weak', 'rsa:1024'),
    odd: signer('Odd', 'rsa:2056'),
    cubic: signer('Cubic', 'rsa:2048 -pkeyopt rsa_keygen_pubexp:3'),
    peculiar: signer(
      'Peculiar',
      'rsa:2048',
      ...['-set_serial', '0xf00dfeed', '-addext', 'subjectKeyIdentifier=c0ffee'],
    ),
    late: expired(signer('Late')),
  };
}

/** The certificates that a kernel is to trust: all but Mallory's. */
export function trustedCertificates({ mallory: _, ...trusted }: Signers): Buffer[] {
  return Object.values(trusted).map(({ der }) => der);
}

/** Signatures of `content`, good, odd and forged. */
export function signatureTable(content: Buffer, signers: Signers): Row[] {
  const good = cms.goodParts(content, signers.alice);
  const context = { content, good, ...signers };
  const refused = [
    ...envelope(context),
    ...signedData(context),
    ...encapsulated(context),
    ...names(context),
    ...furtherSigners(context),
    ...attributes(),
    ...digests(context),
    ...signatureAlgorithms(context),
    ...values(context),
    ...paddings(context),
    ...keys(context),
  ].map(([what, change, refusal, others, why]): Row => {
    const message = Buffer.isBuffer(change) ? change : cms.assemble({ ...good, ...change });
    return { what, message, file: cms.append(content, message), refusal, ...verdicts(others), why };
  });
  return [...acceptedRows(context), ...refused, ...oddFiles(content, cms.assemble(good))];
}

type Context = Signers & { content: Buffer; good: cms.Parts };

const verdicts = (others: Others) => ({
  openssl: others === 'openssl' || others === 'both',
  kernel: others === 'kernel' || others === 'both',
});

const value = (bytes: Uint8Array) => ({ value: cms.tlv(0x04, bytes) });
const algorithm = (name: keyof typeof cms.OIDS, ...parameters: Uint8Array[]) =>
  cms.sequence(cms.oid(cms.OIDS[name]), ...parameters);
const digestIs = (identifier: Uint8Array) => ({
  digestAlgorithms: cms.set(identifier),
  digestAlgorithm: identifier,
});
const versionIs = (version: Uint8Array) => ({ version, signerVersion: version });
const namedByKey = (keyId: Uint8Array) => ({ ...versionIs(cms.integer('03')), sid: cms.tlv(0x80, keyId) });
const SHA512 = algorithm('sha512');

/** An element with its length in three octets, whatever it is. */
const longTlv = (tag: number, content: Uint8Array) =>
  Buffer.concat([Buffer.from([tag, 0x83, 0, content.length >> 8, content.length & 0xff]), content]);
/** An element with an indefinite length. */
const indefinite = (tag: number, content: Uint8Array) =>
  Buffer.concat([Buffer.from([tag, 0x80]), content, Buffer.alloc(2)]);
/** What is in an element with a length of up to three octets. */
const contentOf = (element: Uint8Array) =>
  element.subarray((element[1] ?? 0) < 0x80 ? 2 : 2 + (element[1] ?? 0) - 0x80);

function acceptedRows({ content, good, alice, large, cubic, peculiar, late }: Context): Row[] {
  const rows: [string, Change][] = [
    ['the issuer and serial number of its signer', opensslSign(content, alice)],
    ['the key identifier of its signer', opensslSign(content, alice, '-keyid')],
    [
      'NULL as the parameters of its digest, as OpenSSL wrote before 3.0',
      digestIs(algorithm('sha512', cms.NULL)),
    ],
    ['padding by hand, as it should be', value(rawSign(alice.key, padded(1, 0xff, digestInfo(content))))],
    ['a key of 3072 bits', opensslSign(content, large)],
    ['a key with the exponent 3', opensslSign(content, cubic)],
    ['a serial number whose first bit is set', opensslSign(content, peculiar)],
    ['a key identifier of three bytes', opensslSign(content, peculiar, '-keyid')],
    ['a certificate that expired', opensslSign(content, late)],
    ['SHA-256, where the policy allows it', opensslSign(content, alice, '-md', 'sha256')],
  ];
  return rows.map(([what, change]) => {
    const message = Buffer.isBuffer(change) ? change : cms.assemble({ ...good, ...change });
    return {
      what,
      message,
      file: cms.append(content, message),
      refusal: undefined,
      openssl: true,
      kernel: true,
    };
  });
}

function envelope({ good }: Context): Refused[] {
  const message = cms.assemble(good);
  const content = contentOf(message);
  const contentType = cms.hex(cms.OIDS.signedData);
  const wrapped = (...parts: Uint8Array[]) =>
    cms.sequence(cms.oid(cms.OIDS.signedData), cms.tlv(0xa0, ...parts));
  return [
    ['bytes after the message', { tail: cms.NULL }, /bytes after the PKCS#7/, 'both', 'nobody signed them'],
    [
      'a zero after the message',
      { tail: Buffer.alloc(1) },
      /bytes after the PKCS#7/,
      'both',
      'nobody signed it',
    ],
    [
      'an indefinite length of the message',
      indefinite(0x30, content),
      /indefinite length/,
      'both',
      'BER, of which there are many encodings; DER has one',
    ],
    ['a needlessly long length of the message', longTlv(0x30, content), /needlessly long/, 'openssl'],
    [
      'a length of the message that is one short',
      shifted(message, 3, -1),
      /bytes after the PKCS#7/,
      'nobody',
    ],
    ['a length of the message that is one long', shifted(message, 3, 1), /longer than what holds/, 'nobody'],
    [
      'a set for the message',
      Buffer.concat([Buffer.from([0x31]), message.subarray(1)]),
      /message is missing/,
      'nobody',
    ],
    ['half a message', message.subarray(0, message.length >> 1), /longer than what holds/, 'nobody'],
    ['a message cut short by one byte', message.subarray(0, -1), /longer than what holds/, 'nobody'],
    ['a message of one byte', message.subarray(0, 1), /ends within its length/, 'nobody'],
    ['a message of zeros', Buffer.alloc(message.length), /missing/, 'nobody'],
    ['a content type of plain data', { contentType: cms.oid(cms.OIDS.data) }, /not signed data/, 'nobody'],
    ['no content type', { contentType: Buffer.alloc(0) }, /content type is missing/, 'nobody'],
    [
      'a needlessly long length of the content type',
      { contentType: longTlv(0x06, contentType) },
      /needlessly long/,
      'openssl',
    ],
    [
      'a tag in its long form',
      { contentType: cms.tlv(0x1f, cms.hex('06'), contentType) },
      /type is missing/,
      'nobody',
    ],
    ['no content', cms.sequence(cms.oid(cms.OIDS.signedData)), /the content is missing/, 'nobody'],
    ['a NULL for the signed data', wrapped(cms.NULL), /the signed data is missing/, 'nobody'],
    [
      'something after the signed data',
      wrapped(cms.signedData(good), cms.NULL),
      /the content holds more/,
      'nobody',
    ],
    ['something after the content', { contentInfoTail: cms.NULL }, /PKCS#7 message holds more/, 'nobody'],
  ];
}

function signedData({ good }: Context): Refused[] {
  return [
    ['something after the signers', { signedDataTail: cms.NULL }, /signed data holds more/, 'nobody'],
    ['version 0', versionIs(cms.integer('00')), /version that does not fit/, 'openssl'],
    ['version 2', versionIs(cms.integer('02')), /version that does not fit/, 'openssl'],
    ['version 4', versionIs(cms.integer('04')), /version that does not fit/, 'openssl'],
    ['version 1 with a leading zero', { version: cms.integer('0001') }, /not a small number/, 'nobody'],
    ['a negative version', versionIs(cms.integer('ff')), /version that does not fit/, 'openssl'],
    ['an empty version', { version: cms.integer('') }, /not a small number/, 'openssl'],
    ['no version', { version: Buffer.alloc(0) }, /version is missing/, 'nobody'],
    [
      'message version 3 around a version 1 signer',
      { version: cms.integer('03') },
      /other than its signer/,
      'openssl',
    ],
    [
      'signer version 3 with issuer and serial number',
      versionIs(cms.integer('03')),
      /does not fit/,
      'openssl',
    ],
    ['no digest in the list', { digestAlgorithms: cms.set() }, /not exactly the digest/, 'nobody'],
    [
      'a digest twice in the list',
      { digestAlgorithms: cms.set(SHA512, SHA512) },
      /not exactly/,
      'both',
      'one signer has one digest; the list is not signed',
    ],
    [
      'another digest in the list',
      { digestAlgorithms: cms.set(algorithm('sha256')) },
      /not exactly/,
      'kernel',
      'the list is not signed, so it must say nothing new',
    ],
    [
      'a further digest in the list',
      { digestAlgorithms: cms.set(algorithm('sha256'), SHA512) },
      /not exactly/,
      'both',
      'one signer has one digest; the list is not signed',
    ],
    [
      'digests that differ in their parameters',
      { digestAlgorithms: cms.set(algorithm('sha512', cms.NULL)) },
      /not exactly the digest/,
      'both',
      'the list is not signed, so it must say nothing new',
    ],
    [
      'an unknown digest in the list',
      { digestAlgorithms: cms.set(algorithm('rsa')) },
      /not exactly/,
      'kernel',
      'the list is not signed, so it must say nothing new',
    ],
    [
      'a sequence for the list of digests',
      { digestAlgorithms: cms.sequence(SHA512) },
      /digests is missing/,
      'kernel',
      'PKCS#7 of 1993 had it; sign-file never wrote it',
    ],
    [
      'an indefinite length of the list of digests',
      { digestAlgorithms: indefinite(0x31, SHA512) },
      /indefinite/,
      'both',
      'BER, of which there are many encodings; DER has one',
    ],
    [
      'a sequence for the list of signers',
      { signers: cms.sequence(cms.signerInfo(good)) },
      /signers is missing/,
      'kernel',
      'PKCS#7 of 1993 had it; sign-file never wrote it',
    ],
    ['no signers', { signers: cms.set() }, /signer is missing/, 'nobody'],
    ['no list of signers', { signers: Buffer.alloc(0) }, /list of signers is missing/, 'nobody'],
  ];
}

function encapsulated({ content, alice }: Context): Refused[] {
  const explicit = (...parts: Uint8Array[]) => cms.sequence(cms.oid(cms.OIDS.data), cms.tlv(0xa0, ...parts));
  return [
    [
      'no encapsulated content',
      { encapsulated: Buffer.alloc(0) },
      /encapsulated content is missing/,
      'nobody',
    ],
    [
      'no type of what is signed',
      { encapsulated: cms.sequence() },
      /type of what is signed is missing/,
      'nobody',
    ],
    ['embedded content', { encapsulated: explicit(cms.tlv(0x04, content)) }, /content of its own/, 'openssl'],
    [
      'other embedded content',
      { encapsulated: explicit(cms.tlv(0x04, cms.NULL)) },
      /content of its own/,
      'openssl',
    ],
    ['empty embedded content', { encapsulated: explicit(cms.tlv(0x04)) }, /content of its own/, 'openssl'],
    ['embedded content but for its tag', { encapsulated: explicit() }, /content of its own/, 'nobody'],
    [
      'signed data within signed data',
      { encapsulated: algorithm('signedData') },
      /not plain data/,
      'openssl',
    ],
    [
      'a Windows executable as what is signed',
      { encapsulated: algorithm('peImage') },
      /not plain data/,
      'openssl',
    ],
    [
      'its signer’s certificate embedded',
      { extras: cms.tlv(0xa0, alice.der) },
      /embeds certificates/,
      'both',
      'certificates are pinned, never taken from the message',
    ],
    [
      'an empty list of certificates',
      { extras: cms.tlv(0xa0) },
      /embeds certificates/,
      'both',
      'certificates are pinned, never taken from the message',
    ],
    [
      'certificates in a sequence',
      { extras: cms.tlv(0xa2, alice.der) },
      /signers is missing/,
      'kernel',
      'certificates are pinned, never taken from the message',
    ],
    ['an empty list of revocation lists', { extras: cms.tlv(0xa1) }, /embeds revocation lists/, 'openssl'],
    [
      'a revocation list that is none',
      { extras: cms.tlv(0xa1, cms.sequence()) },
      /embeds revocation/,
      'nobody',
    ],
  ];
}

function names({ alice, bob }: Context): Refused[] {
  const serial = cms.tlv(0x02, cms.serialOf(alice));
  const keyId = cms.keyIdOf(alice);
  const named = (...parts: Uint8Array[]) => ({ sid: cms.sequence(...parts) });
  const printable = cms.issuerOf(alice, 0x13);
  const upperCase = Buffer.from(cms.issuerOf(alice).toString('latin1').replace('Alice', 'ALICE'), 'latin1');
  return [
    ['the name of the other signer', { sid: cms.issuerAndSerial(bob) }, /not made by the key/, 'nobody'],
    ['the key identifier of the other signer', namedByKey(cms.keyIdOf(bob)), /not made by the key/, 'nobody'],
    [
      'the issuer with another serial number',
      named(cms.issuerOf(alice), cms.integer('01')),
      /not trusted/,
      'nobody',
    ],
    ['the serial number with another issuer', named(cms.issuerOf(bob), serial), /not trusted here/, 'nobody'],
    ['the issuer in another type of string', named(printable, serial), /not trusted here/, 'openssl'],
    ['the issuer in capitals', named(upperCase, serial), /not trusted here/, 'openssl'],
    ['an empty issuer', named(cms.sequence(), serial), /not trusted here/, 'nobody'],
    [
      'the serial number with a leading zero',
      named(cms.issuerOf(alice), cms.tlv(0x02, Buffer.alloc(1), cms.serialOf(alice))),
      /not trusted here/,
      'nobody',
    ],
    [
      'a needlessly long length of the serial number',
      named(cms.issuerOf(alice), longTlv(0x02, cms.serialOf(alice))),
      /needlessly long/,
      'openssl',
    ],
    ['an empty serial number', named(cms.issuerOf(alice), cms.integer('')), /not trusted here/, 'nobody'],
    ['no serial number', named(cms.issuerOf(alice)), /serial number is missing/, 'nobody'],
    [
      'something after the serial number',
      named(cms.issuerOf(alice), serial, cms.NULL),
      /serial number holds more/,
      'nobody',
    ],
    ['a signer without a name', { sid: Buffer.alloc(0) }, /issuer is missing/, 'nobody'],
    ['version 1 and a key identifier', { sid: cms.tlv(0x80, keyId) }, /does not fit/, 'openssl'],
    [
      'a needlessly long length of the key identifier',
      { ...namedByKey(keyId), sid: longTlv(0x80, keyId) },
      /the key identifier has a needlessly long/,
      'openssl',
    ],
    ['an empty key identifier', namedByKey(Buffer.alloc(0)), /not trusted here/, 'nobody'],
    ['a shortened key identifier', namedByKey(keyId.subarray(0, 19)), /not trusted here/, 'nobody'],
    ['the end of a key identifier', namedByKey(keyId.subarray(-4)), /not trusted here/, 'nobody'],
    [
      'a lengthened key identifier',
      namedByKey(Buffer.concat([keyId, Buffer.alloc(1)])),
      /not trusted here/,
      'nobody',
    ],
    [
      'a key identifier that is tagged explicitly',
      { ...namedByKey(keyId), sid: cms.tlv(0xa0, cms.tlv(0x04, keyId)) },
      /issuer and serial number is missing/,
      'openssl',
    ],
    [
      'issuer and serial number in place of the key identifier',
      namedByKey(Buffer.concat([cms.serialOf(alice), cms.issuerOf(alice)])),
      /not trusted here/,
      'nobody',
    ],
  ];
}

function furtherSigners({ content, good, alice, bob, mallory }: Context): Refused[] {
  const by = (signer: Signer) => cms.signerInfo(cms.goodParts(content, signer));
  const intruder = keptSigner({ subject: '/O=Test/CN=Intruder', issuer: alice });
  const forged = cms.signerInfo({ ...good, ...value(Buffer.alloc(256, 1)) });
  return [
    [
      'the same signer twice',
      { moreSigners: by(alice) },
      /more than one signer/,
      'both',
      'who signed it must have one answer',
    ],
    [
      'two signers, both trusted',
      { moreSigners: by(bob) },
      /more than one signer/,
      'both',
      'who signed it must have one answer',
    ],
    [
      'a stranger as a further signer',
      { moreSigners: by(mallory) },
      /more than one signer/,
      'kernel',
      'who signed it must have one answer',
    ],
    [
      'a stranger as the first of two signers',
      { signers: cms.set(by(mallory), by(alice)) },
      /more than one signer/,
      'kernel',
      'who signed it must have one answer',
    ],
    ['a forgery of its signer as a further one', { moreSigners: forged }, /more than one signer/, 'nobody'],
    [
      'a forgery of another signer, and a good one',
      { signers: cms.set(forged, by(bob)) },
      /more than one/,
      'nobody',
    ],
    [
      'something that is no signer after the signer',
      { moreSigners: cms.NULL },
      /more than one signer/,
      'nobody',
    ],
    [
      'a signer that is not trusted',
      cms.assemble(cms.goodParts(content, mallory)),
      /not trusted here/,
      'nobody',
    ],
    [
      'a signer that is not trusted, its certificate embedded',
      cms.assemble({ ...cms.goodParts(content, mallory), extras: cms.tlv(0xa0, mallory.der) }),
      /embeds certificates/,
      'nobody',
    ],
    [
      'a signer that a trusted one vouches for, who may not: it is no CA',
      cms.assemble({
        ...cms.goodParts(content, intruder),
        sid: cms.sequence(cms.issuerOf(alice), cms.tlv(0x02, cms.serialOf(intruder))),
        extras: cms.tlv(0xa0, intruder.der),
      }),
      /embeds certificates/,
      'kernel',
      'a pinned key signs modules, not further keys',
    ],
  ];
}

function attributes(): Refused[] {
  const contentType = (tag: number) =>
    cms.tlv(tag, cms.sequence(cms.oid('2a864886f70d010903'), cms.set(cms.oid(cms.OIDS.data))));
  return [
    ['signed attributes', { signedAttributes: contentType(0xa0) }, /signed attributes/, 'nobody'],
    [
      'no signed attributes but their tag',
      { signedAttributes: cms.tlv(0xa0) },
      /signed attributes/,
      'nobody',
    ],
    [
      'unsigned attributes',
      { unsignedAttributes: contentType(0xa1) },
      /unsigned attributes/,
      'both',
      'nobody signed them',
    ],
    [
      'no unsigned attributes but their tag',
      { unsignedAttributes: cms.tlv(0xa1) },
      /unsigned attributes/,
      'openssl',
    ],
    ['something after the signature value', { signerTail: cms.NULL }, /signer holds more/, 'nobody'],
  ];
}

function digests({ content, alice }: Context): Refused[] {
  const by = (name: 'md5' | 'sha1' | 'sha224' | 'sha384' | 'sha512', digest: string = name) => ({
    ...digestIs(algorithm(name)),
    ...value(sign(digest, content, alice.key)),
  });
  return [
    ['MD5', by('md5'), /digest other than/, 'both', 'collisions are made in seconds'],
    ['SHA-1', by('sha1'), /digest other than/, 'both', 'collisions were made'],
    [
      'SHA-224',
      by('sha224'),
      /digest other than/,
      'both',
      'shorter than the policy wants, and no builder uses it',
    ],
    ['SHA-384', by('sha384'), /digest other than/, 'both', 'no builder uses it'],
    ['SHA-256 under the name of SHA-512', by('sha512', 'sha256'), /does not match/, 'nobody'],
    ['a digest that is none', digestIs(algorithm('rsa')), /digest other than/, 'nobody'],
    [
      'a NULL for the digest algorithm',
      { digestAlgorithm: cms.NULL },
      /digest algorithm is missing/,
      'nobody',
    ],
    ['an empty digest', digestIs(cms.sequence()), /digest is missing/, 'nobody'],
    [
      'parameters of the digest that are not NULL',
      digestIs(algorithm('sha512', cms.integer('00'))),
      /parameters/,
      'both',
      'they have no meaning, and sign-file never wrote them',
    ],
    [
      'a NULL with content',
      digestIs(algorithm('sha512', cms.hex('050100'))),
      /are not NULL/,
      'kernel',
      'not DER',
    ],
    [
      'something after the parameters of the digest',
      digestIs(algorithm('sha512', cms.NULL, cms.NULL)),
      /digest algorithm holds more/,
      'nobody',
    ],
    [
      'a needlessly long length of the digest',
      digestIs(longTlv(0x30, cms.oid(cms.OIDS.sha512))),
      /needlessly long/,
      'openssl',
    ],
  ];
}

function signatureAlgorithms({ content, alice }: Context): Refused[] {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const pss = value(sign('sha512', content, { key: alice.key, padding: constants.RSA_PKCS1_PSS_PADDING }));
  const is = (identifier: Uint8Array) => ({ signatureAlgorithm: identifier });
  return [
    ['sha512WithRSAEncryption', is(algorithm('sha512WithRsa', cms.NULL)), /not rsaEncryption/, 'openssl'],
    ['sha256WithRSAEncryption', is(algorithm('sha256WithRsa', cms.NULL)), /not rsaEncryption/, 'openssl'],
    [
      'rsaEncryption without NULL',
      is(algorithm('rsa')),
      /parameters of the signature algorithm/,
      'both',
      'RFC 3370 wants it, and sign-file writes it',
    ],
    [
      'something after the NULL of rsaEncryption',
      is(algorithm('rsa', cms.NULL, cms.NULL)),
      /signature algorithm holds more/,
      'nobody',
    ],
    ['an empty signature algorithm', is(cms.sequence()), /the signature algorithm is missing/, 'nobody'],
    ['a digest for the signature algorithm', is(SHA512), /not rsaEncryption/, 'nobody'],
    ['no signature algorithm', is(Buffer.alloc(0)), /signature algorithm is missing/, 'nobody'],
    ['PSS', { ...is(algorithm('rsaPss', cms.NULL)), ...pss }, /made with RSA-PSS/, 'nobody'],
    ['PSS under the name of rsaEncryption', pss, /not made by the key/, 'nobody'],
    [
      'ECDSA',
      { ...is(algorithm('ecdsaWithSha512')), ...value(sign('sha512', content, ec)) },
      /made with ECDSA and SHA-512/,
      'nobody',
    ],
  ];
}

function values({ content, alice, bob, weak }: Context): Refused[] {
  const signature = sign('sha512', content, alice.key);
  return [
    ['an empty signature value', value(Buffer.alloc(0)), /not as long as the key/, 'nobody'],
    ['no signature value', { value: Buffer.alloc(0) }, /signature value is missing/, 'nobody'],
    ['a signature value of zeros', value(Buffer.alloc(256)), /not made by the key/, 'nobody'],
    ['a signature value of ones', value(Buffer.alloc(256, 0xff)), /not made by the key/, 'nobody'],
    [
      'a signature value of 1',
      value(Buffer.concat([Buffer.alloc(255), Buffer.from([1])])),
      /not made by/,
      'nobody',
    ],
    [
      'a signature by the key of another',
      value(sign('sha512', content, bob.key)),
      /not made by the key/,
      'nobody',
    ],
    [
      'a signature by a shorter key',
      value(sign('sha512', content, weak.key)),
      /not as long as the key/,
      'nobody',
    ],
    [
      'a zero before the signature value',
      value(Buffer.concat([Buffer.alloc(1), signature])),
      /not as long/,
      'nobody',
    ],
    [
      'a zero after the signature value',
      value(Buffer.concat([signature, Buffer.alloc(1)])),
      /not as long/,
      'nobody',
    ],
    ['a signature value with a byte less', value(signature.subarray(1)), /not as long as the key/, 'nobody'],
    [
      'a signature value with its bytes reversed',
      value(Buffer.from(signature).reverse()),
      /not made by/,
      'nobody',
    ],
    [
      'a signature value in a bit string',
      { value: cms.tlv(0x03, Buffer.alloc(1), signature) },
      /is missing/,
      'nobody',
    ],
    [
      'a signature value in pieces',
      { value: cms.tlv(0x24, cms.tlv(0x04, signature)) },
      /is missing/,
      'openssl',
    ],
    [
      'a signature over something else',
      value(sign('sha512', Buffer.from('else'), alice.key)),
      /does not match/,
      'nobody',
    ],
  ];
}

function digestInfo(content: Uint8Array): Buffer {
  return Buffer.concat([SHA512_INFO, createHash('sha512').update(content).digest()]);
}

function paddings({ content, alice }: Context): Refused[] {
  const info = digestInfo(content);
  const over = (encoded: Uint8Array) => value(rawSign(alice.key, encoded));
  const withoutNull = Buffer.concat([cms.hex('304f300b06096086480165030402030440'), info.subarray(-64)]);
  const withOtherNull = Buffer.concat([
    cms.hex('3051300d060960864801650304020304000440'),
    info.subarray(-64),
  ]);
  return [
    ['padding of type 0', over(padded(0, 0, info)), /not made by the key/, 'nobody'],
    ['padding of type 2', over(padded(2, 0xff, info)), /not made by the key/, 'nobody'],
    ['padding that is not all ones', over(padded(1, 0xfe, info)), /not made by the key/, 'nobody'],
    [
      'padding that begins with a one',
      over(Buffer.concat([cms.hex('01'), padded(1, 0xff, info).subarray(1)])),
      /not made/,
      'nobody',
    ],
    [
      'padding cut short before a forged tail',
      over(padded(1, 0xff, info, Buffer.alloc(100, 7))),
      /not match/,
      'nobody',
    ],
    [
      'no padding, before a forged tail',
      over(padded(1, 0xff, info, Buffer.alloc(170, 7))),
      /not made|not match/,
      'nobody',
    ],
    ['a digest without DigestInfo', over(padded(1, 0xff, info.subarray(-64))), /does not match/, 'nobody'],
    ['a DigestInfo without NULL', over(padded(1, 0xff, withoutNull)), /does not match/, 'nobody'],
    [
      'a DigestInfo with something else for NULL',
      over(padded(1, 0xff, withOtherNull)),
      /does not match/,
      'nobody',
    ],
    [
      'a DigestInfo of another digest',
      over(
        padded(
          1,
          0xff,
          Buffer.concat([cms.hex('3031300d060960864801650304020105000420'), info.subarray(-32)]),
        ),
      ),
      /not match/,
      'nobody',
    ],
  ];
}

function keys({ content, weak, odd }: Context): Refused[] {
  return [
    ['a key of 1024 bits', opensslSign(content, weak), /not trusted here/, 'kernel', 'too short since 2013'],
    ['a key of 2056 bits', opensslSign(content, odd), /length that the kernel does not take/, 'openssl'],
  ];
}

/** Not odd signatures but odd files around a good one. openssl has no opinion on them; the kernel refuses them all. */
function oddFiles(content: Buffer, message: Buffer): Row[] {
  const wrapped = (trailer: Uint8Array, end: Uint8Array = cms.MARKER) =>
    Buffer.concat([content, message, trailer, end]);
  const field = (fields: Partial<Record<number, number>>) => wrapped(cms.trailer(message.length, fields));
  const good = cms.append(content, message);
  const rows: [what: string, file: Buffer, refusal: RegExp][] = [
    ['no signature', content, /not signed/],
    ['no marker', good.subarray(0, -cms.MARKER.length), /not signed/],
    ['a marker cut short', good.subarray(0, -1), /not signed/],
    ['a byte after the marker', Buffer.concat([good, Buffer.from('\n')]), /not signed/],
    ['the marker twice', Buffer.concat([good, cms.MARKER]), /not a PKCS#7/],
    ['the signature twice', cms.append(good, message), /does not match/],
    ['another algorithm in the trailer', field({ 0: 1 }), /must be zero/],
    ['a digest in the trailer', field({ 1: 6 }), /must be zero/],
    ['PGP in the trailer', field({ 2: 0 }), /not a PKCS#7/],
    ['X.509 in the trailer', field({ 2: 1 }), /not a PKCS#7/],
    ['an unknown type in the trailer', field({ 2: 3 }), /not a PKCS#7/],
    ['the length of a signer’s name in the trailer', field({ 3: 1 }), /must be zero/],
    ['the length of a key identifier in the trailer', field({ 4: 1 }), /must be zero/],
    ['the first byte of padding in the trailer', field({ 5: 1 }), /must be zero/],
    ['the second byte of padding in the trailer', field({ 6: 1 }), /must be zero/],
    ['the third byte of padding in the trailer', field({ 7: 1 }), /must be zero/],
    ['a size of 0 in the trailer', wrapped(cms.trailer(0)), /impossible size/],
    ['a size that is one short', wrapped(cms.trailer(message.length - 1)), /missing/],
    ['a size that is one long', wrapped(cms.trailer(message.length + 1)), /missing/],
    ['a size of 4 GiB', wrapped(cms.trailer(0xffffffff)), /impossible size/],
    ['a size of the whole file', wrapped(cms.trailer(content.length + message.length)), /impossible/],
    [
      'a size in the wrong byte order',
      field({ 8: message.length & 0xff, 9: message.length >> 8, 10: 0, 11: 0 }),
      /impossible/,
    ],
    ['a module changed in its first byte', flipped(good, 0), /does not match/],
    ['a module changed in its middle', flipped(good, content.length >> 1), /does not match/],
    ['a module changed in its last byte', flipped(good, content.length - 1), /does not match/],
    [
      'a module with a byte more',
      Buffer.concat([content, Buffer.alloc(1), good.subarray(content.length)]),
      /not match/,
    ],
    [
      'a module with a byte less',
      Buffer.concat([content.subarray(0, -1), good.subarray(content.length)]),
      /not match/,
    ],
  ];
  return rows.map(([what, file, refusal]) => ({ what, file, refusal, ...verdicts('nobody') }));
}

function flipped(bytes: Uint8Array, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

function shifted(bytes: Uint8Array, at: number, by: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) + by;
  return copy;
}
