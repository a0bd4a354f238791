import {
  Metadata,
  MetadataKind,
  type Root,
  type Snapshot,
  type Targets,
  type Timestamp,
} from '@tufjs/models';
import { LivepatchError, messageOf } from '../../errors.ts';
import { METADATA, metadataFile } from '../../source/catalogue/layout.ts';
import { noCatalogue, type Tree } from './tree.ts';

/** The version of the specification that catalogues are made to. */
export const SPEC = '1.0.31';

/** By role. A version that no snapshot names yet counts, because it is whole and signed. */
export function newestVersions(tree: Tree): Map<string, number> {
  const versions = new Map<string, number>();
  for (const { path } of tree.list(METADATA)) {
    const [, version, role] = /^metadata\/([1-9]\d*)\.([a-z0-9-]+)\.json$/.exec(path) ?? [];
    if (role !== undefined) versions.set(role, Math.max(versions.get(role) ?? 0, Number(version)));
  }
  return versions;
}

export function read(
  tree: Tree,
  kind: MetadataKind.Root,
  role: string,
  version: number | undefined,
): Metadata<Root>;
export function read(
  tree: Tree,
  kind: MetadataKind.Targets,
  role: string,
  version: number | undefined,
): Metadata<Targets>;
export function read(
  tree: Tree,
  kind: MetadataKind.Snapshot,
  role: string,
  version: number | undefined,
): Metadata<Snapshot>;
export function read(tree: Tree, kind: MetadataKind, role: string, version: number | undefined): unknown {
  const path = METADATA + metadataFile(role, version);
  const bytes = version === undefined ? undefined : tree.read(path);
  if (bytes === undefined) throw noCatalogue(`the directory: it has no metadata of ${role}`);
  return parse(kind, path, bytes);
}

export function parse(kind: MetadataKind, what: string, bytes: Buffer): Metadata<Timestamp> {
  return tryTo(
    () => Metadata.fromJSON(kind as MetadataKind.Timestamp, JSON.parse(bytes.toString('utf8'))),
    'storage',
    `${what} cannot be used`,
  );
}

/**
 * The newest version of a role that its delegator vouches for. What is newer than readers are shown and not signed as it
 * has to be is what a run left that died while it changed the keys; what readers are shown has to be in order.
 * @param newest the highest version on disk.
 * @param shown the one that the published snapshot names.
 */
export function readNewest(
  tree: Tree,
  delegator: Metadata<Root> | Metadata<Targets>,
  role: string,
  newest: number | undefined,
  shown: number | undefined,
): Metadata<Targets> {
  for (let version = newest; version !== undefined && version > (shown ?? 0); version -= 1) {
    if (!tree.has(METADATA + metadataFile(role, version))) continue;
    const metadata = read(tree, MetadataKind.Targets, role, version);
    if (isSigned(delegator, role, metadata)) return metadata;
  }
  const metadata = read(tree, MetadataKind.Targets, role, shown);
  requireSigned(delegator, role, metadata);
  return metadata;
}

/** The version of each role that readers are shown. */
export function shownVersions(tree: Tree): Map<string, number> {
  const bytes = tree.read(METADATA + metadataFile('timestamp', undefined));
  if (bytes === undefined) return new Map();
  const { version } = parse(MetadataKind.Timestamp, 'timestamp.json', bytes).signed.snapshotMeta;
  const { meta } = read(tree, MetadataKind.Snapshot, 'snapshot', version).signed;
  return new Map(
    Object.entries(meta).map(([file, { version }]) => [file.slice(0, -'.json'.length), version]),
  );
}

export function isSigned(
  delegator: Metadata<Root> | Metadata<Targets>,
  role: string,
  metadata: Metadata<Root> | Metadata<Targets> | Metadata<Snapshot> | Metadata<Timestamp>,
): boolean {
  try {
    delegator.verifyDelegate(role, metadata);
    return true;
  } catch {
    return false;
  }
}

/** What somebody else has put into the directory must not be vouched for. */
export function requireSigned(
  delegator: Metadata<Root> | Metadata<Targets>,
  role: string,
  metadata: Metadata<Root> | Metadata<Targets>,
): void {
  tryTo(
    () => delegator.verifyDelegate(role, metadata),
    'storage',
    `${role}.json is not signed as it has to be`,
  );
}

export function tryTo<T>(act: () => T, code: 'storage' | 'usage', what: string): T {
  try {
    return act();
  } catch (cause) {
    throw new LivepatchError(code, `${what}: ${messageOf(cause)}`, { cause });
  }
}

export function damaged(path: string): LivepatchError {
  return new LivepatchError('storage', `${path} is missing or damaged`, {
    hint: "See 'livepatch-publish check'.",
  });
}

/** To the second, as TUF has it. */
export function rfc3339(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
