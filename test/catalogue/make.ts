import { createHash } from 'node:crypto';
import { type CatalogueKey, generateKey, ROLES, type RoleName } from '../../src/publish/catalogue/keys.ts';
import { Repository } from '../../src/publish/catalogue/repository.ts';
import type { Lifetimes } from '../../src/publish/catalogue/signing.ts';
import type { Tree } from '../../src/publish/catalogue/tree.ts';
import type { KernelIndex, ListedPatch } from '../../src/source/catalogue/kernel-index.ts';
import { patchPath } from '../../src/source/catalogue/layout.ts';

export const KERNEL = '6.8.0-1047.50-aws';

/** Good for long, so that a test says itself when something expires. */
export const LIFETIMES: Lifetimes = { root: 365, targets: 365, snapshot: 30, timestamp: 7 };

/** A catalogue in memory. */
export interface TestCatalogue {
  tree: Tree;
  files: Map<string, Buffer>;
  keys: Record<RoleName, CatalogueKey[]>;
  /** The first root. */
  root: Buffer;
  /** As it is now, with all keys at hand or these. */
  open(keys?: CatalogueKey[]): Repository;
  /** Publishes a change. */
  change(edit: (repository: Repository) => void): void;
  /** A copy of its files, as of now. */
  copy(): Map<string, Buffer>;
}

export function makeCatalogue(
  thresholds: Partial<Record<RoleName, [keys: number, threshold: number]>> = {},
): TestCatalogue {
  const files = new Map<string, Buffer>();
  const tree = memoryTree(files);
  const keys = Object.fromEntries(
    ROLES.map((role) => [role, Array.from({ length: thresholds[role]?.[0] ?? 1 }, () => generateKey().made)]),
  ) as Record<RoleName, CatalogueKey[]>;
  const roles = Object.fromEntries(
    ROLES.map((role) => [role, { keys: keys[role], threshold: thresholds[role]?.[1] ?? 1 }]),
  ) as Record<RoleName, { keys: CatalogueKey[]; threshold: number }>;
  Repository.begin(tree, roles, LIFETIMES, new Date()).publish();
  const open = (at: CatalogueKey[] = Object.values(keys).flat()) =>
    Repository.open(tree, new Map(at.map((one) => [one.key.keyID, one])), new Date());
  return {
    tree,
    files,
    keys,
    root: files.get('metadata/1.root.json') as Buffer,
    open,
    change(edit) {
      const repository = open();
      edit(repository);
      repository.publish();
    },
    copy: () => new Map(files),
  };
}

export function memoryTree(files: Map<string, Buffer>): Tree {
  const tree: Tree = {
    read: (path) => files.get(path),
    has: (path) => files.has(path),
    create(path, bytes) {
      if (files.get(path)?.equals(bytes) === false) throw new Error(`${path} is there already`);
      tree.replace(path, bytes);
    },
    replace: (path, bytes) => void files.set(path, Buffer.from(bytes)),
    list: (directory) =>
      [...files.keys()]
        .filter((path) => path.startsWith(`${directory.replace(/\/$/, '')}/`))
        .map((path) => ({ path, changed: new Date() })),
    remove: (path) => void files.delete(path),
    lock: () => ({ [Symbol.dispose]() {} }),
  };
  return tree;
}

/** The bytes that stand for the patch file of a version. */
export function patchBytes(version: string): Buffer {
  return Buffer.from(`patch file ${version} `.repeat(2000));
}

export function listed(version: string, changes: Partial<ListedPatch> = {}): ListedPatch {
  const bytes = patchBytes(version);
  return {
    version,
    digest: createHash('sha512').update(version).digest('hex'),
    module: 'livepatch_fix',
    cumulative: true,
    releasedAt: '2026-11-01T12:00:00Z',
    fixes: [{ name: 'CVE-2026-0001', description: 'something', bug: '', patched: true }],
    sha256: createHash('sha256').update(bytes).digest('hex'),
    size: bytes.length,
    tier: 'stable',
    ...changes,
  };
}

export function indexOf(patches: ListedPatch[], changes: Partial<KernelIndex> = {}): KernelIndex {
  return { kernel: KERNEL, architecture: 'amd64', support: 'supported', patches, withdrawn: [], ...changes };
}

/** Publishes the index of a kernel and the files of its patches. */
export function publishPatches(catalogue: TestCatalogue, index: KernelIndex): void {
  catalogue.change((repository) => {
    for (const { sha256, version } of index.patches)
      repository.putFile(patchPath(sha256), patchBytes(version));
    repository.putIndex(index);
  });
}
