import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { LivepatchError } from '../errors.ts';
import { keyIdOf } from '../patch/trust.ts';
import type { TrustAnchor } from '../types.ts';

/** A private key, and the certificate that is pinned where its signatures are verified. */
export interface SigningKey {
  key: KeyObject;
  certificate: TrustAnchor;
}

/**
 * Reads a private key, PKCS#8 or PKCS#1, in PEM or DER; PKCS#8 may be encrypted. Nothing of it ever gets into an error.
 * @throws LivepatchError `config` when it cannot be read, is no RSA key, or belongs to none of the certificates.
 */
export function readSigningKey(
  bytes: Uint8Array,
  passphrase: string | undefined,
  certificates: readonly TrustAnchor[],
): SigningKey {
  const key = readKey(Buffer.from(bytes), passphrase);
  if (key.asymmetricKeyType !== 'rsa') throw unusable('the key is not an RSA key');
  const keyId = keyIdOf(createPublicKey(key));
  const certificate = certificates.find((one) => one.keyId === keyId);
  if (certificate === undefined) throw unusable('the key and the certificate do not belong together');
  return { key, certificate };
}

function readKey(bytes: Buffer, passphrase: string | undefined): KeyObject {
  const encodings = bytes.includes('-----BEGIN ')
    ? [{ format: 'pem' as const }]
    : (['pkcs8', 'pkcs1'] as const).map((type) => ({ format: 'der' as const, type }));
  for (const encoding of encodings) {
    try {
      return createPrivateKey({
        key: bytes,
        ...encoding,
        ...(passphrase === undefined ? {} : { passphrase }),
      });
    } catch (error) {
      if (passphrase === undefined && isEncrypted(bytes, error)) throw needsPassphrase();
    }
  }
  throw unusable(
    passphrase === undefined
      ? 'the key cannot be read: it must be in PKCS#8 or PKCS#1'
      : 'the key cannot be read: the passphrase is wrong, or it is not in PKCS#8 or PKCS#1',
  );
}

/** Node has an error for it in DER; in PEM, of PKCS#8 or in OpenSSL's own way, the text says it. */
function isEncrypted(bytes: Buffer, error: unknown): boolean {
  const missing = error instanceof Error && 'code' in error && error.code === 'ERR_MISSING_PASSPHRASE';
  return missing || /-----BEGIN ENCRYPTED |Proc-Type: 4,ENCRYPTED/.test(bytes.toString('latin1'));
}

function needsPassphrase(): LivepatchError {
  return new LivepatchError('config', 'the key is encrypted', {
    hint: 'Give its passphrase with --passphrase-file or --passphrase-stdin.',
  });
}

/** Without what Node said: nobody has to check that it quotes nothing of the key. */
function unusable(message: string): LivepatchError {
  return new LivepatchError('config', message);
}
