import { LivepatchError } from '../errors.ts';
import type { Secret } from '../secret.ts';
import type { Server } from '../source/server/client.ts';
import type { Blocklist, Offer, Patch } from '../types.ts';
import type { Run } from './context.ts';
import { openPayload, trustAnchors } from './open-payload.ts';

/**
 * Fetches an offered patch file and checks it in full: size and SHA-256 while it arrives, then archive, metadata,
 * kernel, signature and module.
 * @throws LivepatchError when anything is not as it must be; the file is then gone again.
 */
export async function obtain(
  run: Run,
  server: Server,
  token: Secret,
  offer: Offer,
  blocklist: Blocklist | undefined,
): Promise<Patch> {
  const { payloads } = run.store;
  // Before the download: without a pinned certificate nothing could be accepted anyway.
  await trustAnchors(run.store, run.config);
  // A payload that failed to apply, or was applied before the last boot, need not cross the network again.
  if (!payloads.isIntact(offer.sha256)) {
    run.progress(`downloading patch ${offer.version} (${offer.size} bytes)`);
    await payloads.receive(offer.sha256, counted(run, offer, server.download(offer, token)));
  }
  try {
    run.progress(`verifying patch ${offer.version}`);
    return asOffered(await openPayload(run, run.machine, run.config, offer.sha256, blocklist), offer);
  } catch (error) {
    payloads.remove(offer.sha256);
    throw error;
  }
}

/** The same bytes; whoever shows progress is told how many have come. */
async function* counted(
  { transferred }: Run,
  { size }: Offer,
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let received = 0;
  for await (const chunk of bytes) {
    received += chunk.length;
    transferred?.(received, size);
    yield chunk;
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
