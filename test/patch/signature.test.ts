import { createHash, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ContentInfo, SignedData } from '@peculiar/asn1-cms';
import { AsnConvert } from '@peculiar/asn1-schema';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSignature, verifySignature, verifySignedModule } from '../../src/patch/signature.ts';
import { parseCertificates } from '../../src/patch/trust.ts';
import * as cms from './make/cms.ts';
import { expectRefusal, isAccepted } from './make/expect.ts';
import { expired, opensslSign } from './make/pki.ts';
import { makeSigners, signatureTable } from './make/signatures.ts';

const OID_SHAKE256 = '60864801650304020c';
const STRICT = { allowSha256: false };
const CONTENT = Buffer.from('\x7fELF the module', 'latin1');
const signers = makeSigners();
const { alice, bob } = signers;
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
    await expectRefusal(() => verify(file), 'signature', /RSA and SHA-256, which the policy does not allow/);
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
});

describe('several certificates by which a signature can go', () => {
  const [anchor] = anchors;
  const [stranger] = parseCertificates(signers.mallory.der, 'mallory.pem');
  if (anchor === undefined || stranger === undefined) throw new Error('no anchor');
  const renewed = parseCertificates(expired(alice).der, 'renewed.pem');

  test('of one key are one signer: a renewed certificate beside the old one is no error', () => {
    const byKey = cms.append(CONTENT, opensslSign(CONTENT, alice, '-keyid'));
    for (const pinned of [
      [anchor, ...renewed],
      [...renewed, anchor],
    ]) {
      expect(verifySignedModule(byKey, pinned, STRICT).signer).toBe(pinned[0]);
      expect(verifySignedModule(wrap({}), pinned, STRICT).signer.keyId).toBe(anchor.keyId);
    }
  });

  test('of several keys are tried each: a renewed certificate may have a new key and the old number', async () => {
    const { issuer, serial, subjectKeyId } = anchor;
    const twin = { ...stranger, issuer, serial, subjectKeyId };
    for (const pinned of [
      [anchor, twin],
      [twin, anchor],
    ]) {
      expect(verifySignedModule(wrap({}), pinned, STRICT).signer).toBe(anchor);
      const file = wrap({ value: cms.tlv(0x04, sign('sha512', CONTENT, signers.mallory.key)) });
      expect(verifySignedModule(file, pinned, STRICT).signer).toBe(twin);
      const forged = wrap({ value: cms.tlv(0x04, sign('sha512', CONTENT, bob.key)) });
      await expectRefusal(
        () => verifySignedModule(forged, pinned, STRICT),
        'signature',
        /not made by the key/,
      );
    }
  });
});

describe('what was found of a signature', () => {
  test.each<[string, Buffer, string]>([
    ['good', wrap({}), 'good'],
    ['malformed', wrap({ tail: cms.NULL }), 'bad'],
    ['with a broken trailer', Buffer.concat([wrap({}), cms.MARKER]), 'bad'],
    ['over something else', cms.append(Buffer.from('else'), cms.assemble(good)), 'bad'],
    ['of somebody else', cms.append(CONTENT, opensslSign(CONTENT, signers.mallory)), 'untrusted'],
    ['not there', CONTENT, 'unsigned'],
  ])('is told of one that is %s', (_, file, expected) => {
    const found: { signature?: string } = {};
    try {
      verifySignedModule(file, both, STRICT, found as Parameters<typeof verifySignedModule>[3]);
    } catch {
      // Which of them are refused, other tests say.
    }
    expect(found.signature).toBe(expected);
  });

  test('is what Node said, as the cause, when the key did not make it', () => {
    const file = wrap({ value: cms.tlv(0x04, Buffer.alloc(256)) });
    expect(() => verify(file)).toThrow(expect.objectContaining({ cause: expect.any(Error) }));
    expect(() => verify(CONTENT)).toThrow(expect.not.objectContaining({ cause: expect.anything() }));
  });

  test('does not depend on certificates that have no key identifier', () => {
    const bare = { ...both[1], subjectKeyId: undefined } as (typeof both)[0];
    const file = cms.append(CONTENT, opensslSign(CONTENT, alice, '-keyid'));
    expect(verifySignedModule(file, [bare, ...anchors], STRICT).signer).toBe(anchors[0]);
  });
});

describe('a table of signatures, good, odd and forged', () => {
  const rows = signatureTable(CONTENT, signers);
  const { weak, mallory, ...others } = signers;
  const pinned = Object.values(others);
  const anchors = pinned.flatMap(({ der }) => parseCertificates(der, 'some.pem'));

  test('has more than 80 rows, each different', () => {
    expect(new Set(rows.map(({ what }) => what)).size).toBe(rows.length);
    expect(new Set(rows.map(({ file }) => file.toString('latin1'))).size).toBe(rows.length - 1);
    expect(rows.length).toBeGreaterThan(80);
  });

  test.each(rows)('with $what', async ({ file, refusal }) => {
    const verify = () => verifySignedModule(file, anchors, { allowSha256: true });
    if (refusal === undefined) expect(Buffer.from(verify().content)).toEqual(CONTENT);
    else await expectRefusal(verify, 'signature', refusal);
  });

  // Of the same message, whatever it is over: what is odd about the file around it concerns modules only.
  test.each(rows.filter(({ message }) => message !== undefined))(
    'with $what, over metadata',
    async ({ message, refusal }) => {
      const verify = () => verifySignature('metadata.json', CONTENT, message, anchors, { allowSha256: true });
      if (refusal === undefined) expect(verify().content).toBe(CONTENT);
      else await expectRefusal(verify, 'signature', refusal);
    },
  );

  test('openssl and the kernel accept whatever we accept', () => {
    const ours = rows.filter(({ refusal }) => refusal === undefined);
    expect(ours.length).toBeGreaterThan(5);
    expect(ours.filter(({ openssl, kernel }) => !openssl || !kernel)).toEqual([]);
  });

  test('README.md lists what the kernel accepts and we refuse', () => {
    const listed = rows
      .filter(({ refusal, kernel }) => kernel && refusal !== undefined)
      .map(({ what, openssl, why }) => `| ${what} | ${openssl ? 'yes' : 'no'} | ${why} |`);
    const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');
    const table = readme.split('\n').filter((line) => /^\| .* \| (yes|no) \| .* \|$/.test(line));
    expect(table).toEqual(listed);
  });
});

describe('a signature of another kind', () => {
  // ML-DSA, which kernels since 7.0 know, comes with signed attributes.
  const attributes = cms.tlv(
    0xa0,
    cms.sequence(cms.oid('2a864886f70d010903'), cms.set(cms.oid(cms.OIDS.data))),
  );
  test.each([
    ['2a8648ce3d040302', 'ECDSA and SHA-256'],
    ['2a8648ce3d040304', 'ECDSA and SHA-512'],
    ['608648016503040311', 'ML-DSA-44'],
    ['608648016503040312', 'ML-DSA-65'],
    ['608648016503040313', 'ML-DSA-87'],
    ['2b6570', 'Ed25519'],
    ['2a864886f70d01010a', 'RSA-PSS'],
  ])('%s is refused by its name, %s, whatever comes with it', async (algorithm, name) => {
    const signatureAlgorithm = cms.sequence(cms.oid(algorithm));
    for (const changes of [
      {},
      { signedAttributes: attributes },
      { digestAlgorithm: cms.sequence(cms.oid(OID_SHAKE256)) },
    ]) {
      await expectRefusal(
        () => verify(wrap({ signatureAlgorithm, ...changes })),
        'signature',
        new RegExp(`^the signature is made with ${name}; only RSA with SHA-512 is accepted$`),
      );
    }
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
