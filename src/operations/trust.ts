import { LivepatchError } from '../errors.ts';
import type { Revoked } from '../patch/trust.ts';
import type { Store } from '../store/store.ts';
import type { Advice, Config, TrustAnchor } from '../types.ts';

/** What the source has against signing keys and modules, as it last told. */
export function revokedBy(advice: Pick<Advice, 'revokedKeys' | 'withdrawn'> | undefined): Revoked {
  return {
    keys: new Set(advice?.revokedKeys),
    modules: new Set(advice?.withdrawn.map(({ digest }) => digest)),
  };
}

/**
 * The pinned certificates: those shipped with the client, and the configured ones.
 * @throws LivepatchError `trust-anchors` when one cannot be read, or there is none.
 */
export async function trustAnchors(
  store: Pick<Store, 'shippedCertificates'>,
  { signingCerts }: Pick<Config, 'signingCerts'>,
): Promise<TrustAnchor[]> {
  const { parseCertificates } = await import('../patch/trust.ts');
  const configured =
    signingCerts === '' ? [] : [{ source: 'signing-certs', bytes: Buffer.from(signingCerts) }];
  const anchors = [...store.shippedCertificates(), ...configured].flatMap(({ source, bytes }) =>
    parseCertificates(bytes, source),
  );
  if (anchors.length > 0) return anchors;
  throw new LivepatchError('trust-anchors', 'there is no certificate to verify patches with', {
    hint: "Set the certificate that your patches are signed with: 'sudo canonical-livepatch config signing-certs=@stdin < cert.pem'.",
  });
}
