import { LivepatchError, messageOf } from '../errors.ts';
import type { Revoked } from '../patch/trust.ts';
import type { Blocklist, Config, Machine, Patch, TrustAnchor } from '../types.ts';
import type { Context } from './context.ts';

/**
 * Reads a payload from disk and checks it in full, as if it had just arrived: what lies on a disk is not trusted for
 * having been verified before.
 * @throws LivepatchError as patch/patch.ts says, `trust-anchors`
 */
export async function openPayload(
  { store }: Context,
  machine: Machine,
  config: Config,
  sha256: string,
  blocklist: Blocklist | undefined,
): Promise<Patch> {
  const { openPatch } = await import('../patch/patch.ts');
  return openPatch(store.payloads.read(sha256), machine, {
    anchors: await trustAnchors(store, config),
    allowSha256: false,
    revoked: revokedBy(blocklist),
  });
}

/** What a blocklist has against modules and signers; its versions are policy's matter. */
export function revokedBy(blocklist: Blocklist | undefined): Revoked {
  return { certificates: new Set(blocklist?.certificates), modules: new Set(blocklist?.modules) };
}

/** A payload that has proved itself. */
export interface Verified {
  sha256: string;
  patch: Patch;
}

/** Every payload on disk that proves to be for this machine's kernel; of the others a person is told why not. */
export async function* verifiedPayloads(
  context: Context,
  machine: Machine,
  config: Config,
  blocklist: Blocklist | undefined,
): AsyncGenerator<Verified> {
  for (const sha256 of context.store.payloads.all()) {
    try {
      yield { sha256, patch: await openPayload(context, machine, config, sha256, blocklist) };
    } catch (error) {
      context.progress(`passing over a payload: ${messageOf(error)}`);
    }
  }
}

/**
 * The pinned certificates: those shipped with the client, and the configured ones.
 * @throws LivepatchError `trust-anchors` when one cannot be read, or there is none.
 */
export async function trustAnchors(store: Context['store'], config: Config): Promise<TrustAnchor[]> {
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
