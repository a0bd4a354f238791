import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { inspect } from 'node:util';
import { AsnConvert } from '@peculiar/asn1-schema';
import { Certificate, SubjectKeyIdentifier } from '@peculiar/asn1-x509';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCertificates } from '../../src/patch/trust.ts';
import { sequence, tlv } from './make/cms.ts';
import { expectRefusal, isAccepted } from './make/expect.ts';
import { makeSigner } from './make/pki.ts';

const plain = makeSigner({ subject: '/CN=Plain' });
const codeSigning = makeSigner({
  subject: '/O=Test Ltd./CN=Kmod',
  extra: [
    '-addext',
    'extendedKeyUsage=codeSigning,1.3.6.1.4.1.2312.16.1.2',
    '-addext',
    'basicConstraints=critical,CA:FALSE',
  ],
});
const dump = execFileSync('openssl', ['x509', '-text'], { input: plain.pem, encoding: 'utf8' });
function errorOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was refused');
}
const parse = (bytes: Uint8Array | string) => parseCertificates(Buffer.from(bytes), 'keys/some.pem');
const subjects = (bytes: Uint8Array | string) => parse(bytes).map(({ subject }) => subject);

describe('parseCertificates', () => {
  test('takes from a certificate what an X.509 library takes', () => {
    for (const { pem, der } of [plain, codeSigning]) {
      const [anchor] = parse(pem);
      const { tbsCertificate: body } = AsnConvert.parse(der, Certificate);
      const keyId = body.extensions?.find(({ extnID }) => extnID === '2.5.29.14')?.extnValue;
      expect(anchor).toMatchObject({
        source: 'keys/some.pem',
        fingerprint: createHash('sha256').update(der).digest('hex'),
        keyId: createHash('sha256')
          .update(Buffer.from(AsnConvert.serialize(body.subjectPublicKeyInfo)))
          .digest('hex'),
        notAfter: new X509Certificate(der).validToDate.toISOString(),
      });
      expect(Buffer.from(anchor?.issuer ?? [])).toEqual(Buffer.from(AsnConvert.serialize(body.issuer)));
      expect(Buffer.from(anchor?.serial ?? [])).toEqual(Buffer.from(body.serialNumber));
      expect(Buffer.from(anchor?.subjectKeyId ?? [])).toEqual(
        Buffer.from(AsnConvert.parse(keyId?.buffer ?? new ArrayBuffer(), SubjectKeyIdentifier).buffer),
      );
      expect(anchor?.publicKey.equals(new X509Certificate(der).publicKey)).toBe(true);
    }
  });

  test.each([
    ['DER', plain.der, ['CN=Plain']],
    ['PEM', plain.pem, ['CN=Plain']],
    ['PEM below a text dump', dump, ['CN=Plain']],
    ['PEM with the line ends of Windows', plain.pem.replaceAll('\n', '\r\n'), ['CN=Plain']],
    ['PEM without a newline at its end', plain.pem.trimEnd(), ['CN=Plain']],
    ['PEM with a byte order mark', `\ufeff${plain.pem}`, ['CN=Plain']],
    [
      'PEM with a byte order mark, between line ends of Windows',
      `\ufeff\r\n${plain.pem.replaceAll('\n', '\r\n')}`,
      ['CN=Plain'],
    ],
    ['PEM indented as in a YAML file', plain.pem.replace(/^/gm, '    '), ['CN=Plain']],
    ['PEM with the line ends of old Macs', plain.pem.replaceAll('\n', '\r'), ['CN=Plain']],
    ['PEM with text around it', `Our key\n\n${plain.pem}\nthat was it\n`, ['CN=Plain']],
    ['several in one file', `${dump}\n${codeSigning.pem}`, ['CN=Plain', 'O=Test Ltd., CN=Kmod']],
  ])('reads %s', (_, bytes, expected) => {
    expect(subjects(bytes)).toEqual(expected);
  });

  test('reads a certificate that expired: a pinned certificate is a pinned key', () => {
    // openssl makes no certificate of the past; its signature is nobody's to check, so the date can be written over.
    const expired = Buffer.from(plain.der);
    expired.write('260716234127Z', expired.lastIndexOf(Buffer.from([0x17, 13])) + 2);
    expect(parse(expired)[0]?.notAfter).toBe('2026-07-16T23:41:27.000Z');
  });

  test('reads a certificate without a subject key identifier', () => {
    const bare = makeSigner({
      extra: ['-addext', 'subjectKeyIdentifier=none', '-addext', 'authorityKeyIdentifier=none'],
    });
    expect(parse(bare.pem)[0]).not.toHaveProperty('subjectKeyId.length');
  });

  const broken = plain.pem.replace('\nMII', '\nM*I');
  test.each([
    ['nothing', '', /holds no certificate/],
    ['text', 'no certificate here', /holds no certificate/],
    ['a private key', plain.keyPem, /line 1: it is a private key, not a certificate/],
    [
      'a certificate and a private key',
      plain.pem + plain.keyPem,
      /certificate 2 of 2, line \d+: it is a private key/,
    ],
    [
      'a public key',
      '-----BEGIN PUBLIC KEY-----\nMA==\n-----END PUBLIC KEY-----',
      /line 1: it is not a certificate/,
    ],
    ['a good certificate before a broken one', plain.pem + broken, /block is broken or cut short/],
    [
      'a good certificate before one cut short',
      plain.pem + plain.pem.slice(0, 400),
      /block is broken or cut short/,
    ],
    ['base64 of nothing', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n', /: line 1: /],
    ['base64 with a letter missing', plain.pem.replace('\nMII', '\nII'), /some\.pem: /],
    ['DER with a byte after it', Buffer.concat([plain.der, Buffer.alloc(1)]), /holds more than it should/],
    ['DER cut short', plain.der.subarray(0, -1), /some\.pem: /],
    ['an EC key', makeSigner({ newkey: 'ec -pkeyopt ec_paramgen_curve:P-256' }).pem, /not an RSA key/],
    [
      'an RSA key for PSS only',
      makeSigner({ newkey: 'rsa-pss -pkeyopt rsa_keygen_bits:2048' }).pem,
      /not an RSA key/,
    ],
    [
      'an RSA key of 1024 bits',
      makeSigner({ newkey: 'rsa:1024' }).pem,
      /1024 bits is too short: it must have 2048 or more/,
    ],
  ])('refuses %s, naming the file', async (_, bytes, message) => {
    await expectRefusal(() => parse(bytes), 'trust-anchors', message);
    await expectRefusal(() => parse(bytes), 'trust-anchors', /^keys\/some\.pem: /);
  });

  const integer = tlv(0x02, Buffer.from([1]));
  test.each<[string, Buffer, RegExp]>([
    ['an empty file of DER', Buffer.from('30', 'hex'), /: the certificate ends within its length/],
    ['a certificate without a body', sequence(), /: the certificate body is missing/],
    [
      'a certificate after another',
      Buffer.concat([plain.der, plain.der]),
      /: the file or PEM block holds more/,
    ],
    ['a broken version', sequence(sequence(Buffer.from('a080', 'hex'))), /: the version has an indefinite/],
    ['no serial number', sequence(sequence()), /: the serial number is missing/],
    ['no signature algorithm', sequence(sequence(integer)), /: the signature algorithm is missing/],
    ['no issuer', sequence(sequence(integer, sequence())), /: the issuer is missing/],
  ])('says of %s what is wrong with it', async (_, bytes, message) => {
    await expectRefusal(() => parse(bytes), 'trust-anchors', message);
  });

  test.each([
    ['more padding than its base64 wants', plain.pem.replace('\n-----END', '=\n-----END')],
    ['a good block before a beginning', `${plain.pem}-----BEGIN CERTIFICATE-----`],
    ['a good block before a beginning with spaces behind it', `${plain.pem}-----BEGIN CERTIFICATE-----  \n`],
  ])('refuses %s', async (_, text) => {
    await expectRefusal(() => parse(text), 'trust-anchors', /block is broken or cut short/);
  });

  test('says which certificate of how many it is, at which line', async () => {
    const text = `# ours\n${plain.pem}# old\n${makeSigner({ newkey: 'ec -pkeyopt ec_paramgen_curve:P-256' }).pem}${codeSigning.pem}`;
    const line = plain.pem.split('\n').length + 2;
    await expectRefusal(
      () => parse(text),
      'trust-anchors',
      new RegExp(`^keys/some\\.pem: certificate 2 of 3, line ${line}: its key is not an RSA key but EC$`),
    );
  });

  test('repeats nothing of a private key, whole or broken, in any format', () => {
    const traditional = execFileSync('openssl', ['rsa', '-traditional'], {
      input: plain.keyPem,
      stdio: 'pipe',
    });
    const encrypted = execFileSync('openssl', ['pkey', '-aes256', '-passout', 'pass:secret'], {
      input: plain.keyPem,
    });
    for (const key of [plain.keyPem, traditional.toString(), encrypted.toString()]) {
      for (const text of [
        key,
        key.slice(0, 500),
        plain.pem + key,
        key + plain.pem,
        `\ufeff${key.replaceAll('\n', '\r\n')}`,
      ]) {
        const error = errorOf(() => parse(text));
        expect(error).toMatchObject({
          code: 'trust-anchors',
          message: expect.stringContaining('it is a private key'),
        });
        expect(error).toHaveProperty('hint', expect.stringContaining('replace the key'));
        const told = `${inspect(error, { depth: 9 })}${JSON.stringify(error)}`;
        for (const secret of key.split('\n').filter((each) => each !== '' && !each.startsWith('-'))) {
          expect(told).not.toContain(secret.slice(0, 20));
        }
      }
    }
  });

  test('tells the subject on one line, and without what drives a terminal', () => {
    const names = ['a\x1b[2J', 'b\u2028c', 'd\u202ee', 'f\u009b2J'];
    for (const name of names) {
      const { pem } = makeSigner({ subject: `/CN=${name}`, extra: ['-utf8'] });
      expect(subjects(pem)).toEqual([`CN=${name.replace(/[\p{C}\u2028]/gu, '?')}`]);
    }
  });

  test('takes dashes in a line of text for text', () => {
    expect(subjects(`not -----BEGIN CERTIFICATE-----\n${plain.pem}`)).toEqual(['CN=Plain']);
    expect(subjects(`-----BEGIN CERTIFICATE----- it is not\n${plain.pem}`)).toEqual(['CN=Plain']);
  });

  test('says what to do about a certificate that is of no use', () => {
    expect(() => parse('')).toThrow(expect.objectContaining({ hint: 'Replace or remove the certificate.' }));
  });

  test('survives anything', async () => {
    const change = fc.record({ at: fc.nat(plain.der.length - 1), byte: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        const changed = Buffer.from(plain.der);
        for (const { at, byte } of changes) changed[at] = byte;
        await isAccepted(() => parse(changed), 'trust-anchors');
        await isAccepted(() => parse(changed.toString('base64')), 'trust-anchors');
      }),
    );
  });
});
