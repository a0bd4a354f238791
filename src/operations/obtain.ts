import { LivepatchError } from '../errors.ts';
import type { Server } from '../remote/server.ts';
import type { Secret } from '../secret.ts';
import type { Config, Machine, Offer, Patch, TrustAnchor } from '../types.ts';
import type { World } from './world.ts';

/**
 * Fetches an offered patch file and checks it in full: size and SHA-256 while it arrives, then archive, metadata,
 * kernel, signature and module.
 * @throws LivepatchError when anything is not as it must be; the file is then gone again.
 */
export async function obtain(
  world: World,
  server: Server,
  token: Secret,
  machine: Machine,
  config: Config,
  offer: Offer,
): Promise<Patch> {
  const { payloads } = world.store;
  // Before the download: without a pinned certificate nothing could be accepted anyway.
  const anchors = await trustAnchors(world, config);
  world.progress(`downloading patch ${offer.version} (${offer.size} bytes)`);
  await payloads.receive(offer.sha256, (sink) => server.download(offer, token, sink));
  try {
    world.progress(`verifying patch ${offer.version}`);
    const { openPatch } = await import('../patch/patch.ts');
    const patch = await openPatch(payloads.read(offer.sha256), machine, { anchors, allowSha256: false });
    return asOffered(patch, offer);
  } catch (error) {
    payloads.keepOnly(undefined);
    throw error;
  }
}

/** Mix and match: a genuine patch file must not be passed off as another version of itself. */
function asOffered(patch: Patch, offer: Offer): Patch {
  if (patch.metadata.version === offer.version) return patch;
  throw new LivepatchError(
    'metadata',
    `the server offered patch ${offer.version} but sent ${patch.metadata.version}`,
    {
      hint: 'Report this to whoever runs the server.',
    },
  );
}

/** The pinned certificates: those shipped with the client, and the configured ones. */
async function trustAnchors({ store }: World, config: Config): Promise<TrustAnchor[]> {
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
