import { execFileSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { keyIdOf, parseCertificates } from '../../src/patch/trust.ts';
import { readSigningKey } from '../../src/publish/signing-key.ts';
import { expectRefusal } from '../patch/make/expect.ts';
import { keptSigner } from '../patch/make/pki.ts';

const signer = keptSigner({ subject: '/O=Test/CN=Publisher' });
const stranger = keptSigner({ subject: '/O=Test/CN=Stranger' });
const certificates = parseCertificates(signer.der, 'cert.pem');
const openssl = (...words: string[]) =>
  execFileSync('openssl', words, { input: signer.keyPem, stdio: 'pipe' });
const secret = ['-passout', 'pass:open sésame'];
const read = (key: Uint8Array | string, passphrase?: string, by = certificates) =>
  readSigningKey(Buffer.from(key), passphrase, by);

const encrypted = openssl('pkey', '-aes256', ...secret);
const encryptedDer = openssl('pkcs8', '-topk8', '-outform', 'DER', ...secret);

describe('readSigningKey', () => {
  test.each<[string, Uint8Array | string, string | undefined]>([
    ['PKCS#8 in PEM', signer.keyPem, undefined],
    ['PKCS#8 in DER', openssl('pkcs8', '-topk8', '-nocrypt', '-outform', 'DER'), undefined],
    ['PKCS#1 in PEM', openssl('rsa', '-traditional'), undefined],
    ['PKCS#1 in DER', openssl('rsa', '-traditional', '-outform', 'DER'), undefined],
    ['encrypted PKCS#8 in PEM', encrypted, 'open sésame'],
    ['encrypted PKCS#8 in DER', encryptedDer, 'open sésame'],
    ['a key with a passphrase that it does not need', signer.keyPem, 'open sésame'],
  ])('reads %s', (_, key, passphrase) => {
    const { key: read_, certificate } = read(key, passphrase);
    expect(keyIdOf(createPublicKey(read_))).toBe(certificate.keyId);
  });

  test('takes the certificate of its key out of several', () => {
    const both = [...parseCertificates(stranger.der, 'other.pem'), ...certificates];
    expect(read(signer.keyPem, undefined, both).certificate).toBe(both[1]);
  });

  test.each<[string, Uint8Array | string, string | undefined, RegExp]>([
    ['nothing', '', undefined, /cannot be read: it must be in PKCS#8 or PKCS#1/],
    ['half a key', signer.keyPem.slice(0, 400), undefined, /cannot be read/],
    ['a certificate', signer.pem, undefined, /cannot be read/],
    ['an encrypted key without its passphrase', encrypted, undefined, /^the key is encrypted$/],
    ['an encrypted key in DER without its passphrase', encryptedDer, undefined, /^the key is encrypted$/],
    ['an encrypted key with a wrong passphrase', encrypted, 'sesame', /the passphrase is wrong/],
    ['the key of another certificate', stranger.keyPem, undefined, /do not belong together/],
    [
      'an EC key',
      generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
      undefined,
      /not an RSA key/,
    ],
  ])('refuses %s, and repeats nothing of it', async (_, key, passphrase, message) => {
    await expectRefusal(() => read(key, passphrase), 'config', message);
    try {
      read(key, passphrase);
    } catch (error) {
      const told = inspect(error, { depth: 9 });
      for (const line of Buffer.from(key)
        .toString()
        .split('\n')
        .filter((each) => /^[\w+/]{20}/.test(each))) {
        expect(told).not.toContain(line.slice(0, 20));
      }
      if (passphrase !== undefined) expect(told).not.toContain(passphrase);
    }
  });
});
