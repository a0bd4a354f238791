import { constants, createHash, generateKeyPairSync, sign } from 'node:crypto';
import { ContentInfo, SignedData } from '@peculiar/asn1-cms';
import { AsnConvert } from '@peculiar/asn1-schema';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSignature, verifySignedModule } from '../../src/patch/signature.ts';
import { parseCertificates } from '../../src/patch/trust.ts';
import * as cms from './make/cms.ts';
import { expectRefusal, isAccepted } from './make/expect.ts';
import { makeSigner, opensslSign } from './make/pki.ts';

const STRICT = { allowSha256: false };
const CONTENT = Buffer.from('\x7fELF the module', 'latin1');
const alice = makeSigner({ subject: '/O=Test/CN=Alice' });
const bob = makeSigner({ subject: '/O=Test/CN=Bob' });
const anchors = parseCertificates(alice.der, 'alice.pem');
const both = [...anchors, ...parseCertificates(bob.der, 'bob.pem')];

const good = cms.goodParts(CONTENT, alice);
const wrap = (changes: Partial<cms.Parts>) => cms.append(CONTENT, cms.assemble({ ...good, ...changes }));
const verify = (file: Uint8Array, policy = STRICT) => verifySignedModule(file, both, policy);

describe('a good signature', () => {
  test.each([
    ['issuer and serial number', []],
    ['subject key identifier', ['-keyid']],
  ])('named by %s, as sign-file makes it, is accepted', (_, flags) => {
    const file = cms.append(CONTENT, opensslSign(CONTENT, alice, ...flags));
    const { content, digest, signer } = verify(file);
    expect(Buffer.from(content)).toEqual(CONTENT);
    expect(digest).toBe(createHash('sha512').update(CONTENT).digest('hex'));
    expect(signer).toBe(both[0]);
  });

  test('is what the tests put together', () => {
    expect(cms.assemble(good)).toEqual(opensslSign(CONTENT, alice));
    const byKey = {
      version: cms.integer('03'),
      signerVersion: cms.integer('03'),
      sid: cms.tlv(0x80, cms.keyIdOf(alice)),
    };
    expect(cms.assemble({ ...good, ...byKey })).toEqual(opensslSign(CONTENT, alice, '-keyid'));
  });

  test('may have NULL as the parameters of its digest, as older sign-files wrote', () => {
    const algorithm = cms.sequence(cms.oid(cms.OIDS.sha512), cms.NULL);
    expect(verify(wrap({ digestAlgorithms: cms.set(algorithm), digestAlgorithm: algorithm })).signer).toBe(
      both[0],
    );
  });

  test('may use SHA-256 where the policy allows it, and is still identified by SHA-512', async () => {
    const file = cms.append(CONTENT, opensslSign(CONTENT, alice, '-md', 'sha256'));
    await expectRefusal(() => verify(file), 'signature', /sha256, which the policy does not allow/);
    const { digest } = verify(file, { allowSha256: true });
    expect(digest).toBe(createHash('sha512').update(CONTENT).digest('hex'));
  });

  test('is accepted when its certificate is pinned twice', () => {
    expect(verifySignedModule(wrap({}), [...anchors, ...anchors], STRICT).signer).toBe(anchors[0]);
  });
});

describe('a module', () => {
  test('without a signature is refused', () =>
    expectRefusal(() => verify(CONTENT), 'signature', /not signed/));

  test('signed by somebody else is refused', () =>
    expectRefusal(
      () => verifySignedModule(cms.append(CONTENT, opensslSign(CONTENT, bob)), anchors, STRICT),
      'signature',
      /not trusted here/,
    ));

  test('is refused when nobody is trusted', () =>
    expectRefusal(() => verifySignedModule(wrap({}), [], STRICT), 'signature', /not trusted here/));

  test('with other content under the signature is refused', () =>
    expectRefusal(
      () => verify(cms.append(Buffer.from('\x7fELF other module', 'latin1'), cms.assemble(good))),
      'signature',
      /does not match/,
    ));

  test('is refused when two trusted certificates share the name of its signer', async () => {
    const [anchor] = anchors;
    if (anchor === undefined) throw new Error('no anchor');
    const twin = { ...anchor, fingerprint: 'another' };
    await expectRefusal(
      () => verifySignedModule(wrap({}), [anchor, twin], STRICT),
      'signature',
      /several trusted certificates/,
    );
  });
});

/** RSASSA-PKCS1-v1_5 by hand, so that what is under the signature can be anything of the modulus' length. */
function rawSign(encoded: Buffer): Buffer {
  const block = Buffer.concat([Buffer.alloc(256 - encoded.length), encoded]);
  const { n, d } = alice.key.export({ format: 'jwk' });
  return Buffer.from(modPow(block, decode(d), decode(n)).toString(16).padStart(512, '0'), 'hex');
}
const decode = (base64 = '') => BigInt(`0x${Buffer.from(base64, 'base64url').toString('hex')}`);
function modPow(base: Buffer, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let power = BigInt(`0x${base.toString('hex')}`) % modulus;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * power) % modulus;
    power = (power * power) % modulus;
  }
  return result;
}
const DIGEST_INFO = Buffer.concat([
  Buffer.from('3051300d060960864801650304020305000440', 'hex'),
  createHash('sha512').update(CONTENT).digest(),
]);
const padded = (type: number, fill: number, info: Buffer, tail = Buffer.alloc(0)) =>
  Buffer.concat([
    Buffer.from([0, type]),
    Buffer.alloc(253 - info.length - tail.length, fill),
    Buffer.from([0]),
    info,
    tail,
  ]);
const value = (bytes: Uint8Array) => ({ value: cms.tlv(0x04, bytes) });

/** An element with its length in four octets, whatever it is. */
const longTlv = (tag: number, content: Uint8Array) =>
  Buffer.concat([Buffer.from([tag, 0x83, 0, content.length >> 8, content.length & 0xff]), content]);

/** The same message with an indefinite length around everything. */
function indefinite(): Buffer {
  const message = cms.assemble(good);
  return Buffer.concat([Buffer.from([0x30, 0x80]), message.subarray(4), Buffer.alloc(2)]);
}

const withDigest = (name: keyof typeof cms.OIDS, algorithm: string) => {
  const identifier = cms.sequence(cms.oid(cms.OIDS[name]));
  return {
    digestAlgorithms: cms.set(identifier),
    digestAlgorithm: identifier,
    ...value(sign(algorithm, CONTENT, alice.key)),
  };
};
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa1024 = generateKeyPairSync('rsa', { modulusLength: 1024 });
const sha512 = cms.sequence(cms.oid(cms.OIDS.sha512));
const sha512Null = cms.sequence(cms.oid(cms.OIDS.sha512), cms.NULL);
const attributes = (tag: number) =>
  cms.tlv(tag, cms.sequence(cms.oid('2a864886f70d010903'), cms.set(cms.oid(cms.OIDS.data))));

const MALFORMED: [string, Buffer | Partial<cms.Parts>, RegExp][] = [
  // The envelope.
  ['bytes after the message', { tail: cms.NULL }, /bytes after the PKCS#7/],
  ['a zero after the message', { tail: Buffer.alloc(1) }, /bytes after the PKCS#7/],
  ['an indefinite length', indefinite(), /indefinite length/],
  ['a content type of plain data', { contentType: cms.oid(cms.OIDS.data) }, /not signed data/],
  ['no content type', { contentType: Buffer.alloc(0) }, /content type is missing/],
  ['something after the content', { contentInfoTail: cms.NULL }, /PKCS#7 message holds more/],
  ['something after the signers', { signedDataTail: cms.NULL }, /signed data holds more/],
  [
    'a needlessly long length of the message',
    longTlv(0x30, cms.assemble(good).subarray(4)),
    /needlessly long/,
  ],
  [
    'a needlessly long length of the content type',
    { contentType: longTlv(0x06, cms.hex(cms.OIDS.signedData)) },
    /needlessly long/,
  ],
  [
    'a needlessly long length of the digest',
    {
      digestAlgorithms: cms.set(longTlv(0x30, cms.oid(cms.OIDS.sha512))),
      digestAlgorithm: longTlv(0x30, cms.oid(cms.OIDS.sha512)),
    },
    /needlessly long/,
  ],
  [
    'a needlessly long length of the serial number',
    { sid: cms.sequence(cms.issuerOf(alice), longTlv(0x02, cms.serialOf(alice))) },
    /needlessly long/,
  ],
  // The signed data.
  [
    'version 0',
    { version: cms.integer('00'), signerVersion: cms.integer('00') },
    /version that does not fit/,
  ],
  [
    'version 2',
    { version: cms.integer('02'), signerVersion: cms.integer('02') },
    /version that does not fit/,
  ],
  ['version 1 with leading zero', { version: cms.integer('0001') }, /version is not a small number/],
  ['an empty version', { version: cms.integer('') }, /version is not a small number/],
  [
    'message version 3 around a version 1 signer',
    { version: cms.integer('03') },
    /version other than its signer/,
  ],
  [
    'signer version 3 with issuer and serial',
    { version: cms.integer('03'), signerVersion: cms.integer('03') },
    /does not fit/,
  ],
  ['signer version 1 with a key identifier', { sid: cms.tlv(0x80, cms.keyIdOf(alice)) }, /does not fit/],
  ['no digest in the list', { digestAlgorithms: cms.set() }, /not exactly the digest/],
  ['a digest twice in the list', { digestAlgorithms: cms.set(sha512, sha512) }, /not exactly the digest/],
  [
    'another digest in the list',
    { digestAlgorithms: cms.set(cms.sequence(cms.oid(cms.OIDS.sha256))) },
    /not exactly/,
  ],
  [
    'a further digest in the list',
    { digestAlgorithms: cms.set(cms.sequence(cms.oid(cms.OIDS.sha256)), sha512) },
    /not exactly/,
  ],
  [
    'digests that differ in their parameters',
    { digestAlgorithms: cms.set(sha512Null) },
    /not exactly the digest/,
  ],
  [
    'a sequence for the list of digests',
    { digestAlgorithms: cms.sequence(sha512) },
    /list of digests is missing/,
  ],
  [
    'embedded content',
    { encapsulated: cms.sequence(cms.oid(cms.OIDS.data), cms.tlv(0xa0, cms.tlv(0x04, CONTENT))) },
    /content of its own/,
  ],
  [
    'empty embedded content',
    { encapsulated: cms.sequence(cms.oid(cms.OIDS.data), cms.tlv(0xa0)) },
    /content of its own/,
  ],
  [
    'signed data within signed data',
    { encapsulated: cms.sequence(cms.oid(cms.OIDS.signedData)) },
    /not plain data/,
  ],
  ['an embedded certificate', { extras: cms.tlv(0xa0, alice.der) }, /embeds certificates/],
  ['an empty list of certificates', { extras: cms.tlv(0xa0) }, /embeds certificates/],
  ['embedded revocation lists', { extras: cms.tlv(0xa1) }, /embeds revocation lists/],
  // The signers.
  ['two signers, the same', { moreSigners: cms.signerInfo(good) }, /more than one signer/],
  [
    'two signers, both trusted',
    { moreSigners: cms.signerInfo(cms.goodParts(CONTENT, bob)) },
    /more than one signer/,
  ],
  ['something that is no signer after the signer', { moreSigners: cms.NULL }, /more than one signer/],
  ['the name of the other signer', { sid: cms.issuerAndSerial(bob) }, /not made by the key/],
  [
    'the key identifier of the other signer',
    { version: cms.integer('03'), signerVersion: cms.integer('03'), sid: cms.tlv(0x80, cms.keyIdOf(bob)) },
    /not made by the key/,
  ],
  [
    'the issuer with another serial number',
    { sid: cms.sequence(cms.issuerOf(alice), cms.integer('01')) },
    /not trusted here/,
  ],
  [
    'the serial number with another issuer',
    { sid: cms.sequence(cms.issuerOf(bob), cms.tlv(0x02, cms.serialOf(alice))) },
    /not trusted here/,
  ],
  [
    'the serial number with a leading zero',
    { sid: cms.sequence(cms.issuerOf(alice), cms.tlv(0x02, Buffer.alloc(1), cms.serialOf(alice))) },
    /not trusted here/,
  ],
  [
    'an empty issuer',
    { sid: cms.sequence(cms.sequence(), cms.tlv(0x02, cms.serialOf(alice))) },
    /not trusted here/,
  ],
  [
    'something after the serial number',
    { sid: cms.sequence(cms.issuerOf(alice), cms.tlv(0x02, cms.serialOf(alice)), cms.NULL) },
    /serial number holds more/,
  ],
  [
    'an empty key identifier',
    { version: cms.integer('03'), signerVersion: cms.integer('03'), sid: cms.tlv(0x80) },
    /not trusted here/,
  ],
  [
    'a shortened key identifier',
    {
      version: cms.integer('03'),
      signerVersion: cms.integer('03'),
      sid: cms.tlv(0x80, cms.keyIdOf(alice).subarray(0, 19)),
    },
    /not trusted here/,
  ],
  [
    'a key identifier that is tagged explicitly',
    {
      version: cms.integer('03'),
      signerVersion: cms.integer('03'),
      sid: cms.tlv(0xa0, cms.tlv(0x04, cms.keyIdOf(alice))),
    },
    /issuer and serial number is missing/,
  ],
  ['signed attributes', { signedAttributes: attributes(0xa0) }, /signed attributes/],
  ['no signed attributes but their tag', { signedAttributes: cms.tlv(0xa0) }, /signed attributes/],
  ['unsigned attributes', { unsignedAttributes: attributes(0xa1) }, /unsigned attributes/],
  ['no unsigned attributes but their tag', { unsignedAttributes: cms.tlv(0xa1) }, /unsigned attributes/],
  ['something after the signature value', { signerTail: cms.NULL }, /signer holds more/],
  // The algorithms.
  ['MD5', withDigest('md5', 'md5'), /digest other than/],
  ['SHA-1', withDigest('sha1', 'sha1'), /digest other than/],
  ['SHA-384', withDigest('sha384', 'sha384'), /digest other than/],
  ['SHA-256', withDigest('sha256', 'sha256'), /policy does not allow/],
  ['a digest under another name', withDigest('sha512', 'sha256'), /does not match/],
  [
    'parameters of the digest that are not NULL',
    {
      digestAlgorithms: cms.set(cms.sequence(cms.oid(cms.OIDS.sha512), cms.integer('00'))),
      digestAlgorithm: cms.sequence(cms.oid(cms.OIDS.sha512), cms.integer('00')),
    },
    /parameters of the digest is missing|parameters of the digest/,
  ],
  [
    'a NULL with content',
    {
      digestAlgorithms: cms.set(cms.sequence(cms.oid(cms.OIDS.sha512), cms.hex('050100'))),
      digestAlgorithm: cms.sequence(cms.oid(cms.OIDS.sha512), cms.hex('050100')),
    },
    /are not NULL/,
  ],
  [
    'something after the parameters of the digest',
    {
      digestAlgorithms: cms.set(cms.sequence(cms.oid(cms.OIDS.sha512), cms.NULL, cms.NULL)),
      digestAlgorithm: cms.sequence(cms.oid(cms.OIDS.sha512), cms.NULL, cms.NULL),
    },
    /digest algorithm holds more/,
  ],
  [
    'sha512WithRSAEncryption',
    { signatureAlgorithm: cms.sequence(cms.oid(cms.OIDS.sha512WithRsa), cms.NULL) },
    /not rsaEncryption/,
  ],
  [
    'rsaEncryption without NULL',
    { signatureAlgorithm: cms.sequence(cms.oid(cms.OIDS.rsa)) },
    /parameters of the signature algorithm/,
  ],
  [
    'something after the NULL of rsaEncryption',
    { signatureAlgorithm: cms.sequence(cms.oid(cms.OIDS.rsa), cms.NULL, cms.NULL) },
    /signature algorithm holds more/,
  ],
  [
    'PSS',
    {
      signatureAlgorithm: cms.sequence(cms.oid(cms.OIDS.rsaPss), cms.NULL),
      ...value(sign('sha512', CONTENT, { key: alice.key, padding: constants.RSA_PKCS1_PSS_PADDING })),
    },
    /not rsaEncryption/,
  ],
  [
    'PSS under the name of rsaEncryption',
    value(sign('sha512', CONTENT, { key: alice.key, padding: constants.RSA_PKCS1_PSS_PADDING })),
    /not made by the key/,
  ],
  [
    'ECDSA',
    {
      signatureAlgorithm: cms.sequence(cms.oid(cms.OIDS.ecdsaWithSha512)),
      ...value(sign('sha512', CONTENT, ec.privateKey)),
    },
    /not rsaEncryption/,
  ],
  // The RSA signature.
  ['an empty signature value', value(Buffer.alloc(0)), /not as long as the key/],
  ['a signature value of zeros', value(Buffer.alloc(256)), /not made by the key/],
  ['a signature value of ones', value(Buffer.alloc(256, 0xff)), /not made by the key/],
  [
    'a signature by a shorter key',
    value(sign('sha512', CONTENT, rsa1024.privateKey)),
    /not as long as the key/,
  ],
  [
    'a signature value with a zero before it',
    value(Buffer.concat([Buffer.alloc(1), sign('sha512', CONTENT, alice.key)])),
    /not as long as the key/,
  ],
  [
    'a signature value with a byte less',
    value(sign('sha512', CONTENT, alice.key).subarray(1)),
    /not as long as the key/,
  ],
  [
    'a signature value in a bit string',
    { value: cms.tlv(0x03, Buffer.alloc(1), sign('sha512', CONTENT, alice.key)) },
    /signature value is missing/,
  ],
  [
    'a signature value in pieces',
    { value: cms.tlv(0x24, cms.tlv(0x04, sign('sha512', CONTENT, alice.key))) },
    /signature value is missing/,
  ],
  [
    'a signature over something else',
    value(sign('sha512', Buffer.from('else'), alice.key)),
    /does not match/,
  ],
  ['padding of type 2', value(rawSign(padded(2, 0xff, DIGEST_INFO))), /not made by the key/],
  ['padding that is not all ones', value(rawSign(padded(1, 0xfe, DIGEST_INFO))), /not made by the key/],
  [
    'padding with a forged tail behind the digest',
    value(rawSign(padded(1, 0xff, DIGEST_INFO, Buffer.alloc(100, 7)))),
    /does not match/,
  ],
  [
    'a digest without DigestInfo',
    value(rawSign(padded(1, 0xff, DIGEST_INFO.subarray(-64)))),
    /does not match/,
  ],
  [
    'a DigestInfo without NULL',
    value(
      rawSign(
        padded(
          1,
          0xff,
          Buffer.concat([
            Buffer.from('304f300b0609608648016503040203', 'hex'),
            Buffer.from('0440', 'hex'),
            DIGEST_INFO.subarray(-64),
          ]),
        ),
      ),
    ),
    /does not match/,
  ],
];

describe('a malformed signature', () => {
  test.each(MALFORMED)('with %s is refused', async (_, changes, message) => {
    const file = Buffer.isBuffer(changes) ? cms.append(CONTENT, changes) : wrap(changes);
    await expectRefusal(() => verify(file), 'signature', message);
  });

  test('with padding as it should be is the one that is accepted', () => {
    expect(verify(wrap(value(rawSign(padded(1, 0xff, DIGEST_INFO))))).signer).toBe(both[0]);
  });
});

describe('any change', () => {
  test('of one bit, anywhere in the file, is refused', async () => {
    const file = wrap({});
    for (let bit = 0; bit < file.length * 8; bit++) {
      const changed = Buffer.from(file);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(await isAccepted(() => verify(changed), 'signature'), `bit ${bit}`).toBe(false);
    }
  });

  test('that cuts, repeats or inserts bytes of the signature is refused', async () => {
    const message = cms.assemble(good);
    const place = fc.nat(message.length);
    await fc.assert(
      fc.asyncProperty(place, place, fc.uint8Array({ maxLength: 8 }), async (from, to, insert) => {
        const changed = Buffer.concat([message.subarray(0, from), insert, message.subarray(to)]);
        fc.pre(!changed.equals(message));
        expect(await isAccepted(() => verify(cms.append(CONTENT, changed)), 'signature')).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});

describe('parseSignature', () => {
  test('takes only what an ASN.1 library writes again to the same octets', async () => {
    const message = cms.assemble(good);
    const names = message.indexOf(good.sid);
    // The signer's name is left as it is: it is compared with the certificate's, not looked into.
    const place = fc.nat(message.length - 257).filter((at) => at < names || at >= names + good.sid.length);
    const change = fc.record({ at: place, byte: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 2 }), async (changes) => {
        const changed = Buffer.from(message);
        for (const { at, byte } of changes) changed[at] = byte;
        if (await isAccepted(() => parseSignature(changed), 'signature')) {
          const contentInfo = AsnConvert.parse(changed, ContentInfo);
          const signedData = AsnConvert.parse(contentInfo.content, SignedData);
          contentInfo.content = AsnConvert.serialize(signedData);
          expect(Buffer.from(AsnConvert.serialize(contentInfo))).toEqual(changed);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('survives anything', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        expect(await isAccepted(() => parseSignature(bytes), 'signature')).toBe(false);
      }),
    );
  });
});
