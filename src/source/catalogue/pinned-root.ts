import { createHash } from 'node:crypto';
import { Metadata, MetadataKind } from '@tufjs/models';
import { LivepatchError } from '../../errors.ts';
import type { MetadataStore } from './metadata-store.ts';

/** The note beside the metadata: the SHA-256 of the pinned root that it began with. */
const NOTE = 'root.pinned';

/**
 * The store, with a trusted root in it: the one that the pinned root has led to, or the pinned one where that is
 * another than before. What else is kept stays: if the new root's keys vouch for it, it goes on protecting from older
 * versions; if they do not, it counts for nothing.
 * @throws LivepatchError `trust-anchors`, `storage`
 */
export function pinRoot(store: MetadataStore, pinned: Uint8Array): MetadataStore {
  const note = Buffer.from(createHash('sha256').update(pinned).digest('hex'));
  if (store.read('root.json') !== undefined && store.read(NOTE)?.equals(note)) return store;
  requireRoot(pinned);
  store.write('root.json', pinned);
  store.write(NOTE, note);
  return store;
}

/** @throws LivepatchError `trust-anchors` for anything but a root that is signed by its own keys. */
function requireRoot(bytes: Uint8Array): void {
  try {
    const root = Metadata.fromJSON(MetadataKind.Root, JSON.parse(Buffer.from(bytes).toString('utf8')));
    root.verifyDelegate(MetadataKind.Root, root);
  } catch (cause) {
    throw new LivepatchError(
      'trust-anchors',
      'catalogue-root is no root.json that its own keys have signed',
      {
        hint: 'Take metadata/1.root.json of the catalogue, from somebody whom you trust.',
        cause,
      },
    );
  }
}
