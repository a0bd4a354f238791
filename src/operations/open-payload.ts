import { LivepatchError } from '../errors.ts';
import type { Blocklist, Config, Machine, Patch, TrustAnchor } from '../types.ts';
import type { World } from './world.ts';

/**
 * Reads a payload from disk and checks it in full, as if it had just arrived: what lies on a disk is not trusted for
 * having been verified before.
 * @throws LivepatchError as patch/patch.ts says, `trust-anchors`
 */
export async function openPayload(
  { store }: World,
  machine: Machine,
  config: Config,
  sha256: string,
  blocklist: Blocklist | undefined,
): Promise<Patch> {
  const { openPatch } = await import('../patch/patch.ts');
  return openPatch(store.payloads.read(sha256), machine, {
    anchors: await trustAnchors(store, config),
    allowSha256: false,
    revoked: { certificates: new Set(blocklist?.certificates), modules: new Set(blocklist?.modules) },
  });
}

/**
 * The pinned certificates: those shipped with the client, and the configured ones.
 * @throws LivepatchError `trust-anchors` when one cannot be read, or there is none.
 */
export async function trustAnchors(store: World['store'], config: Config): Promise<TrustAnchor[]> {
  const { parseCertificates } = await import('../patch/trust.ts');
  const configured =
    config.signingCerts === '' ? [] : [{ source: 'signing-certs', bytes: Buffer.from(config.signingCerts) }];
  const anchors = [...store.shippedCertificates(), ...configured].flatMap(({ source, bytes }) =>
    parseCertificates(bytes, source),
  );
  if (anchors.length > 0) return anchors;
  throw new LivepatchError('trust-anchors', 'there is no certificate to verify patches with', {
    hint: "Set the certificate of whoever signs your patches: 'canonical-livepatch config signing-certs=@stdin'.",
  });
}
