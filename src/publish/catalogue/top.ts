import { Metadata, MetadataKind, MetaFile, type Root, Snapshot, Timestamp } from '@tufjs/models';
import { FIELD, METADATA, metadataFile } from '../../source/catalogue/layout.ts';
import { isSigned, parse, read, requireSigned, SPEC } from './metadata-files.ts';
import { keyIdsOf, type Signing } from './signing.ts';
import type { Tree } from './tree.ts';

/** What the roles on top of the targets are made with. */
export interface Top {
  tree: Tree;
  signing: Signing;
  root: Metadata<Root>;
}

/** A file of metadata that is to be written. */
export interface Made {
  path: string;
  bytes: Buffer;
  version: number;
}

/**
 * A snapshot of these versions.
 * @param newest the version of the newest snapshot.
 * @returns the version of the one that is still good, or a new one.
 */
export function snapshotOf(
  { root, signing, tree }: Top,
  versions: [role: string, version: number][],
  newest: number | undefined,
): Made | number {
  const old = newest === undefined ? undefined : read(tree, MetadataKind.Snapshot, 'snapshot', newest);
  const meta = Object.fromEntries(
    versions.map(([role, version]) => [`${role}.json`, new MetaFile({ version })]),
  );
  const isCurrent =
    old !== undefined &&
    JSON.stringify(old.signed.meta) === JSON.stringify(meta) &&
    isSigned(root, 'snapshot', old) &&
    !signing.isDue(root.signed, 'snapshot', old.signed.expires);
  if (isCurrent) return old.signed.version;
  const version = (newest ?? 0) + 1;
  const { expires, issued } = signing.dates(root.signed, 'snapshot');
  const signed = new Snapshot({ specVersion: SPEC, version, expires, meta, unrecognizedFields: issued });
  const bytes = signing.sign(keyIdsOf(root.signed, 'snapshot'), new Metadata(signed));
  return { path: METADATA + metadataFile('snapshot', version), bytes, version };
}

/** A timestamp that leads to this snapshot. @returns undefined when the one that is there does, and is still good. */
export function timestampOf({ root, signing, tree }: Top, snapshot: number): Made | undefined {
  const path = METADATA + metadataFile('timestamp', undefined);
  const there = tree.read(path);
  const old = there && parse(MetadataKind.Timestamp, 'timestamp', there);
  const isCurrent =
    old !== undefined &&
    old.signed.snapshotMeta.version === snapshot &&
    old.signed.unrecognizedFields[FIELD.rootVersion] === root.signed.version &&
    isSigned(root, 'timestamp', old) &&
    !signing.isDue(root.signed, 'timestamp', old.signed.expires);
  if (isCurrent) return undefined;
  const version = (old?.signed.version ?? 0) + 1;
  const { expires, issued } = signing.dates(root.signed, 'timestamp');
  const signed = new Timestamp({
    specVersion: SPEC,
    version,
    expires,
    snapshotMeta: new MetaFile({ version: snapshot }),
    unrecognizedFields: { ...issued, [FIELD.rootVersion]: root.signed.version },
  });
  const bytes = signing.sign(keyIdsOf(root.signed, 'timestamp'), new Metadata(signed));
  return { path, bytes, version };
}

/** The next root, signed by its own keys, and by those of the one before it. */
export function nextRoot(
  { root, signing }: Top,
  before: Metadata<Root> | undefined,
): Made & { root: Metadata<Root> } {
  const version = (before?.signed.version ?? 0) + 1;
  const next = new Metadata(signing.renewed(root.signed, root.signed, version));
  const keyIds = [...keyIdsOf(next.signed, 'root'), ...keyIdsOf(before?.signed, 'root')];
  const bytes = signing.sign(new Set(keyIds), next);
  for (const one of [next, before]) if (one !== undefined) requireSigned(one, 'root', next);
  return { path: METADATA + metadataFile('root', version), bytes, version, root: next };
}
