import { createHash } from 'node:crypto';
import { Metadata, MetadataKind, type Root, TargetFile, Targets } from '@tufjs/models';
import { formatIndex, type KernelIndex, parseIndex } from '../../source/catalogue/kernel-index.ts';
import {
  binNames,
  binOf,
  FIELD,
  indexPath,
  METADATA,
  metadataFile,
  storedPath,
  TARGETS,
} from '../../source/catalogue/layout.ts';
import type { Architecture } from '../../types.ts';
import type { CatalogueKey, Keyring, RoleName } from './keys.ts';
import {
  damaged,
  newestVersions,
  read,
  readNewest,
  requireSigned,
  shownVersions,
  tryTo,
} from './metadata-files.ts';
import { delegationsTo, emptyTargets, firstRoot, giveKeys } from './roots.ts';
import { keyIdsOf, type Lifetimes, roleOf, Signing } from './signing.ts';
import { type Made, nextRoot, snapshotOf, type Top, timestampOf } from './top.ts';
import type { Tree } from './tree.ts';

/** What came of publishing. */
export interface Published {
  /** Versions that readers now see; undefined when nothing has changed. */
  timestamp?: number | undefined;
  /** Roles whose keys are not at hand: what is signed waits for `renew` where they are. */
  waitsFor: RoleName[];
  /** Paths of files that were written, in the order in which they have to be uploaded. */
  written: string[];
}

/**
 * A catalogue as its publisher works on it. Changes gather in memory until `publish`, which writes what is new under
 * new names first and the timestamp last, so that readers see all of a change or nothing, and so that a publisher that
 * dies in between has changed nothing that they see. What it left is whole and signed; the next run publishes it.
 */
export class Repository {
  readonly tree: Tree;
  readonly #signing: Signing;
  readonly #written: string[] = [];
  #root: Metadata<Root>;
  #targets: Metadata<Targets>;
  readonly #bins = new Map<string, Metadata<Targets>>();
  /** Roles that have to be signed anew. */
  readonly #dirty = new Set<string>();
  /** The newest version of each role on disk. */
  readonly #versions: Map<string, number>;
  /** The version of each role that readers are shown. */
  readonly #shown: Map<string, number>;

  /** @throws LivepatchError `storage` when there is none, or it was tampered with. */
  static open(tree: Tree, keys: Keyring, now: Date): Repository {
    const versions = newestVersions(tree);
    const root = read(tree, MetadataKind.Root, 'root', versions.get('root'));
    requireSigned(root, 'root', root);
    const shown = shownVersions(tree);
    const targets = readNewest(tree, root, 'targets', versions.get('targets'), shown.get('targets'));
    return new Repository(tree, new Signing(keys, now), { versions, shown }, root, targets);
  }

  /**
   * Begins a catalogue: signs everything, publishes nothing yet. What a run left that died before it had a root is of keys
   * that nobody knows: it is passed over, by higher versions.
   */
  static begin(
    tree: Tree,
    roles: Record<RoleName, { keys: CatalogueKey[]; threshold: number }>,
    lifetimes: Lifetimes,
    now: Date,
  ): Repository {
    const root = firstRoot(roles, lifetimes, now);
    const signing = new Signing(new Map(), now);
    for (const { keys } of Object.values(roles)) signing.add(keys);
    const begun = new Repository(
      tree,
      signing,
      { versions: newestVersions(tree), shown: new Map() },
      new Metadata(root),
      new Metadata(emptyTargets(now, delegationsTo(root))),
    );
    for (const bin of binNames()) begun.#bins.set(bin, new Metadata(emptyTargets(now)));
    for (const name of ['root', 'targets', ...binNames()]) begun.#dirty.add(name);
    return begun;
  }

  private constructor(
    tree: Tree,
    signing: Signing,
    { shown, versions }: { shown: Map<string, number>; versions: Map<string, number> },
    root: Metadata<Root>,
    targets: Metadata<Targets>,
  ) {
    this.tree = tree;
    this.#signing = signing;
    this.#versions = versions;
    this.#shown = shown;
    this.#root = root;
    this.#targets = targets;
  }

  /** Of one kernel; undefined when it is not in the catalogue. @throws LivepatchError `storage` */
  index(kernel: string, architecture: Architecture): KernelIndex | undefined {
    const path = indexPath(kernel, architecture);
    const target = this.#bin(binOf(path)).signed.targets[path];
    return target && this.#readIndex(target);
  }

  /** All of them, bin by bin. @param progress called with how many of how many bins are done. */
  *indexes(progress: (done: number, all: number) => void = () => {}): Generator<KernelIndex> {
    const names = binNames();
    for (const [done, name] of names.entries()) {
      for (const target of Object.values(this.#bin(name).signed.targets)) yield this.#readIndex(target);
      progress(done + 1, names.length);
    }
  }

  /** The targets that the indexes are. */
  indexTargets(): TargetFile[] {
    return binNames().flatMap((name) => Object.values(this.#bin(name).signed.targets));
  }

  /** The newest version of each role but the timestamp. */
  currentVersions(): [role: string, version: number][] {
    const roles = ['targets', ...binNames()].map((name): [string, number] => [name, this.#versionOf(name)]);
    return [...roles, ...[...this.#versions].filter(([name]) => name === 'snapshot')];
  }

  /** Replaces the index of a kernel. @throws LivepatchError `usage` when it says more than a client takes. */
  putIndex(index: KernelIndex): void {
    const path = indexPath(index.kernel, index.architecture);
    const bytes = tryTo(
      () => formatIndex(index),
      'usage',
      `the index of kernel ${index.kernel} cannot be published`,
    );
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const { targets } = this.#bin(binOf(path)).signed;
    if (targets[path]?.hashes.sha256 === sha256) return;
    this.putFile(TARGETS + storedPath(path, sha256), bytes);
    targets[path] = new TargetFile({ path, length: bytes.length, hashes: { sha256 } });
    this.#dirty.add(binOf(path));
  }

  /** A file whose path holds its version or its hash. */
  putFile(path: string, bytes: Uint8Array): void {
    this.tree.create(path, bytes);
    this.#written.push(path);
  }

  get revokedKeys(): string[] {
    const keys = this.#targets.signed.unrecognizedFields[FIELD.revokedKeys];
    return Array.isArray(keys) ? (keys as string[]) : [];
  }

  revokeKeys(keyIds: string[]): void {
    this.#targets.signed.unrecognizedFields[FIELD.revokedKeys] = [
      ...new Set([...this.revokedKeys, ...keyIds]),
    ];
    this.#dirty.add('targets');
  }

  /** Has a role signed anew although nothing in it has changed. */
  touch(role: 'root' | 'targets' | string): void {
    this.#dirty.add(role);
  }

  /** Gives a role other keys. What the old ones have signed, however high its version, counts for nothing then. */
  rotate(role: RoleName, keys: CatalogueKey[]): void {
    // While the old keys still vouch for them.
    if (role === 'targets') for (const name of binNames()) this.#bin(name);
    giveKeys(this.#root.signed, role, keys);
    this.#signing.add(keys);
    this.#dirty.add('root');
    if (role !== 'targets') return;
    this.#targets = new Metadata(
      new Targets({ ...this.#targets.signed, delegations: delegationsTo(this.#root.signed) }),
    );
    for (const name of ['targets', ...binNames()]) this.#dirty.add(name);
  }

  /** Roles of which less than half their time is left. */
  due(): string[] {
    const roles: [string, Metadata<Root | Targets>][] = [
      ['root', this.#root],
      ['targets', this.#targets],
      ...binNames().map((name): [string, Metadata<Targets>] => [name, this.#bin(name)]),
    ];
    const { signed: root } = this.#root;
    return roles
      .filter(([name, { signed }]) => this.#signing.isDue(root, roleOf(name), signed.expires))
      .map(([name]) => name);
  }

  /** Roles that cannot be signed with the keys at hand. */
  lacks(role: RoleName): boolean {
    return this.#signing.lacks(this.#root.signed, role);
  }

  keyCount(role: RoleName): number {
    return keyIdsOf(this.#root.signed, role).length;
  }

  /**
   * Signs what has changed, and shows it to readers.
   * @param progress called with how many of how many roles are signed.
   * @throws LivepatchError `config` when a key is missing for what has changed, `storage`; readers then see nothing of it.
   */
  publish(progress: (done: number, all: number) => void = () => {}): Published {
    this.#requireKeys();
    const names = [...this.#dirty].filter((name) => name !== 'root');
    for (const [done, name] of names.entries()) {
      this.#sign(name);
      progress(done + 1, names.length);
    }
    const waitsFor = (['snapshot', 'timestamp'] as const).filter((role) => this.lacks(role));
    if (waitsFor.length > 0) return { waitsFor, written: this.#written };
    const timestamp = this.#publishTop();
    this.#dirty.clear();
    return { timestamp, waitsFor: [], written: this.#written };
  }

  /** Before anything is written. A root also has to be signed as the one before it says, and is published at once. */
  #requireKeys(): void {
    const root = this.#root.signed;
    for (const role of new Set([...this.#dirty].map(roleOf))) this.#signing.require(root, role);
    if (!this.#dirty.has('root')) return;
    this.#signing.require(this.#rootBefore()?.signed ?? root, 'root');
    for (const role of ['snapshot', 'timestamp'] as const) this.#signing.require(root, role);
  }

  /** Snapshot, then root, then timestamp: a reader that comes in between finds what belongs together. */
  #publishTop(): number | undefined {
    const top = (): Top => ({ tree: this.tree, signing: this.#signing, root: this.#root });
    const versions = ['targets', ...binNames()].map((name): [string, number] => [
      name,
      this.#versionOf(name),
    ]);
    const snapshot = snapshotOf(top(), versions, this.#versions.get('snapshot'));
    if (typeof snapshot === 'object') this.#create('snapshot', snapshot);
    if (this.#dirty.has('root')) {
      const { root, ...made } = nextRoot(top(), this.#rootBefore());
      this.#create('root', made);
      this.#root = root;
    }
    const timestamp = timestampOf(top(), typeof snapshot === 'object' ? snapshot.version : snapshot);
    if (timestamp === undefined) return undefined;
    this.tree.replace(timestamp.path, timestamp.bytes);
    this.#written.push(timestamp.path);
    return timestamp.version;
  }

  #rootBefore(): Metadata<Root> | undefined {
    const version = this.#versions.get('root');
    return version === undefined ? undefined : read(this.tree, MetadataKind.Root, 'root', version);
  }

  #sign(name: string): void {
    const { signed } = name === 'targets' ? this.#targets : this.#bin(name);
    const version = (this.#versions.get(name) ?? 0) + 1;
    const metadata = new Metadata(this.#signing.renewed(this.#root.signed, signed, version));
    const bytes = this.#signing.sign(keyIdsOf(this.#root.signed, 'targets'), metadata);
    this.#create(name, { path: METADATA + metadataFile(name, version), bytes, version });
    if (name === 'targets') this.#targets = metadata;
    else this.#bins.set(name, metadata);
  }

  #create(role: string, { bytes, path, version }: Made): void {
    this.putFile(path, bytes);
    this.#versions.set(role, version);
  }

  #bin(name: string): Metadata<Targets> {
    const known = this.#bins.get(name);
    if (known !== undefined) return known;
    const bin = readNewest(this.tree, this.#targets, name, this.#versions.get(name), this.#shown.get(name));
    this.#bins.set(name, bin);
    return bin;
  }

  /** Read only where readers are shown another than the newest: that one may not be signed as it has to be. */
  #versionOf(name: string): number {
    if (name === 'targets') return this.#targets.signed.version;
    const newest = this.#versions.get(name);
    const isShown = newest !== undefined && newest === this.#shown.get(name);
    return isShown ? newest : this.#bin(name).signed.version;
  }

  #readIndex(target: TargetFile): KernelIndex {
    const { sha256 = '' } = target.hashes;
    const path = TARGETS + storedPath(target.path, sha256);
    const bytes = this.tree.read(path);
    const actual = createHash('sha256')
      .update(bytes ?? '')
      .digest('hex');
    if (bytes === undefined || actual !== sha256) throw damaged(path);
    return tryTo(() => parseIndex(bytes), 'storage', `${path} cannot be used`);
  }
}
