import { X509Certificate } from 'node:crypto';
import { LivepatchError } from '../errors.ts';
import { decodePem } from './pem.ts';

/** What OpenSSL, as Node sets it up, takes of a certificate authority: 112 bits of security. */
const SHORTEST_RSA = 2048;
const SHORTEST_EC = 224;

/**
 * Reads the certificates of certificate authorities as TLS will: what it could not use is better known before the next
 * check fails.
 * @param source names them in messages.
 * @throws LivepatchError `config` that says which of them cannot be used, at which line, and why.
 */
export function requireCaCertificates(pem: string, source: string): void {
  const blocks = decodePem(Buffer.from(pem));
  for (const [index, { der, line }] of blocks.entries()) {
    const problem = der === undefined ? 'it is broken or cut short' : problemOf(der);
    if (problem === undefined) continue;
    const where = `${source}: certificate ${index + 1} of ${blocks.length}, line ${line}`;
    throw new LivepatchError('config', `${where}: ${problem}`, {
      hint: 'Give every certificate whole, in PEM.',
    });
  }
}

function problemOf(der: Uint8Array): string | undefined {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(der);
  } catch {
    // OpenSSL's own message names its internals.
    return 'it cannot be read as a certificate';
  }
  if (certificate.raw.length !== der.length) return 'more follows the certificate in its block';
  return keyProblem(certificate);
}

function keyProblem({ publicKey }: X509Certificate): string | undefined {
  const { asymmetricKeyDetails, asymmetricKeyType = '' } = publicKey;
  const bits = asymmetricKeyDetails?.modulusLength ?? SHORTEST_RSA;
  if (bits < SHORTEST_RSA) {
    return `its ${asymmetricKeyType.toUpperCase()} key of ${bits} bits is too short: it must have ${SHORTEST_RSA} or more`;
  }
  const curve = asymmetricKeyDetails?.namedCurve ?? '';
  const size = Number(/\d{3}/.exec(curve)?.[0] ?? SHORTEST_EC);
  return size < SHORTEST_EC ? `its key on the curve ${curve} is too short` : undefined;
}
