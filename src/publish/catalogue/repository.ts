import { createHash } from 'node:crypto';
import {
  type Key,
  Metadata,
  MetadataKind,
  MetaFile,
  Root,
  Snapshot,
  TargetFile,
  Targets,
  Timestamp,
} from '@tufjs/models';
import { Delegations } from '@tufjs/models/dist/delegations.js';
import { Role, SuccinctRoles } from '@tufjs/models/dist/role.js';
import * as v from 'valibot';
import { LivepatchError } from '../../errors.ts';
import { formatIndex, type KernelIndex, parseIndex } from '../../source/catalogue/kernel-index.ts';
import {
  BINS,
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
  isSigned,
  newestVersions,
  parse,
  read,
  readNewest,
  requireSigned,
  rfc3339,
  shownVersions,
  tryTo,
} from './metadata-files.ts';
import type { Tree } from './tree.ts';

/** How many days each role's metadata is good for. */
export type Lifetimes = Record<RoleName, number>;

const LifetimesSchema = v.object({
  root: v.number(),
  targets: v.number(),
  snapshot: v.number(),
  timestamp: v.number(),
});

/** Of TUF. */
const SPEC = '1.0.31';
const DAY = 24 * 60 * 60 * 1000;

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
  readonly #keys: Map<string, CatalogueKey>;
  readonly #now: Date;
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
    return new Repository(tree, keys, now, { versions, shown }, root, targets);
  }

  /** Begins a catalogue: signs everything, publishes nothing yet. */
  static begin(
    tree: Tree,
    roles: Record<RoleName, { keys: CatalogueKey[]; threshold: number }>,
    lifetimes: Lifetimes,
    now: Date,
  ): Repository {
    const all = Object.values(roles).flatMap(({ keys }) => keys);
    const root = new Root({
      specVersion: SPEC,
      version: 0,
      expires: rfc3339(now),
      consistentSnapshot: true,
      keys: Object.fromEntries(all.map(({ key }) => [key.keyID, key])),
      roles: Object.fromEntries(
        Object.entries(roles).map(([name, { keys, threshold }]) => [
          name,
          new Role({ keyIDs: keys.map(({ key }) => key.keyID), threshold }),
        ]),
      ),
      unrecognizedFields: { [FIELD.lifetimes]: lifetimes },
    });
    const targets = new Targets({
      specVersion: SPEC,
      version: 0,
      expires: rfc3339(now),
      delegations: delegationsTo(root),
    });
    const keyring = new Map(all.map((one) => [one.key.keyID, one]));
    const begun = new Repository(
      tree,
      keyring,
      now,
      { versions: new Map(), shown: new Map() },
      new Metadata(root),
      new Metadata(targets),
    );
    for (const bin of binNames()) {
      begun.#bins.set(
        bin,
        new Metadata(new Targets({ specVersion: SPEC, version: 0, expires: rfc3339(now) })),
      );
      begun.#dirty.add(bin);
    }
    begun.#dirty.add('root').add('targets');
    return begun;
  }

  private constructor(
    tree: Tree,
    keys: Keyring,
    now: Date,
    { shown, versions }: { shown: Map<string, number>; versions: Map<string, number> },
    root: Metadata<Root>,
    targets: Metadata<Targets>,
  ) {
    this.tree = tree;
    this.#keys = new Map(keys);
    this.#now = now;
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
    this.#create(TARGETS + storedPath(path, sha256), bytes);
    targets[path] = new TargetFile({ path, length: bytes.length, hashes: { sha256 } });
    this.#dirty.add(binOf(path));
  }

  /** A file whose path holds its hash. */
  putFile(path: string, bytes: Uint8Array): void {
    this.#create(path, bytes);
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
    const { signed } = this.#root;
    // While the old keys still vouch for them.
    if (role === 'targets') for (const name of binNames()) this.#bin(name);
    for (const id of signed.roles[role]?.keyIDs ?? []) {
      const isElsewhere = Object.entries(signed.roles).some(
        ([name, { keyIDs }]) => name !== role && keyIDs.includes(id),
      );
      if (!isElsewhere) delete signed.keys[id];
    }
    const threshold = signed.roles[role]?.threshold ?? 1;
    signed.roles[role] = new Role({ keyIDs: keys.map(({ key }) => key.keyID), threshold });
    for (const one of keys) {
      signed.keys[one.key.keyID] = one.key;
      this.#keys.set(one.key.keyID, one);
    }
    this.#dirty.add('root');
    if (role !== 'targets') return;
    this.#targets = new Metadata(
      new Targets({ ...this.#targets.signed, delegations: delegationsTo(signed) }),
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
    return roles.filter(([name, { signed }]) => this.#isDue(name, signed.expires)).map(([name]) => name);
  }

  /** Roles that cannot be signed with the keys at hand. */
  lacks(role: RoleName): boolean {
    const { keyIDs = [], threshold = 1 } = this.#root.signed.roles[role] ?? {};
    return keyIDs.filter((id) => this.#keys.has(id)).length < threshold;
  }

  keyCount(role: RoleName): number {
    return this.#root.signed.roles[role]?.keyIDs.length ?? 1;
  }

  roleOf(name: string): RoleName {
    return name === 'root' || name === 'snapshot' || name === 'timestamp' ? name : 'targets';
  }

  /**
   * Signs what has changed, and shows it to readers.
   * @param progress called with how many of how many roles are signed.
   * @throws LivepatchError `config` when a key is missing for what has changed, `storage`; readers then see nothing of it.
   */
  publish(progress: (done: number, all: number) => void = () => {}): Published {
    const signing = [...this.#dirty].filter((name) => name !== 'root');
    for (const role of new Set([...this.#dirty].map((name) => this.roleOf(name))))
      this.#requireKeys(role, this.#root);
    // Before anything is written: a root also has to be signed as the one before it says.
    if (this.#dirty.has('root')) this.#requireKeys('root', this.#rootBefore() ?? this.#root);
    for (const [done, name] of signing.entries()) {
      const metadata = name === 'targets' ? this.#targets : this.#bin(name);
      this.#sign(name, metadata);
      progress(done + 1, signing.length);
    }
    const waitsFor = (['snapshot', 'timestamp'] as const).filter((role) => this.lacks(role));
    if (waitsFor.length > 0 && !this.#dirty.has('root')) return { waitsFor, written: this.#written };
    for (const role of waitsFor) this.#requireKeys(role, this.#root);
    const timestamp = this.#publishTop();
    this.#dirty.clear();
    return { timestamp, waitsFor: [], written: this.#written };
  }

  /** Snapshot, then root, then timestamp: a reader that comes in between finds what belongs together. */
  #publishTop(): number | undefined {
    const snapshot = this.#nextSnapshot();
    if (this.#dirty.has('root')) this.#signRoot();
    const root = this.#root.signed.version;
    const old = this.#readTimestamp();
    const isCurrent =
      old !== undefined &&
      old.signed.snapshotMeta.version === snapshot &&
      old.signed.unrecognizedFields[FIELD.rootVersion] === root &&
      isSigned(this.#root, 'timestamp', old) &&
      !this.#isDue('timestamp', old.signed.expires);
    if (isCurrent) return undefined;
    const signed = new Timestamp({
      specVersion: SPEC,
      version: (old?.signed.version ?? 0) + 1,
      expires: this.#expiry('timestamp'),
      snapshotMeta: new MetaFile({ version: snapshot }),
      unrecognizedFields: { [FIELD.issued]: rfc3339(this.#now), [FIELD.rootVersion]: root },
    });
    const bytes = this.#signed('timestamp', new Metadata(signed));
    const path = METADATA + metadataFile('timestamp', undefined);
    this.tree.replace(path, bytes);
    this.#written.push(path);
    return signed.version;
  }

  /** @returns the version of a snapshot of all that is on disk. */
  #nextSnapshot(): number {
    const newest = this.#versions.get('snapshot');
    const old = newest === undefined ? undefined : read(this.tree, MetadataKind.Snapshot, 'snapshot', newest);
    const meta: Record<string, MetaFile> = {};
    for (const name of ['targets', ...binNames()]) {
      meta[`${name}.json`] = new MetaFile({ version: this.#versionOf(name) });
    }
    const isCurrent =
      old !== undefined &&
      JSON.stringify(old.signed.meta) === JSON.stringify(meta) &&
      isSigned(this.#root, 'snapshot', old) &&
      !this.#isDue('snapshot', old.signed.expires);
    if (isCurrent) return old.signed.version;
    const signed = new Snapshot({
      specVersion: SPEC,
      version: (newest ?? 0) + 1,
      expires: this.#expiry('snapshot'),
      meta,
      unrecognizedFields: { [FIELD.issued]: rfc3339(this.#now) },
    });
    this.#create(
      METADATA + metadataFile('snapshot', signed.version),
      this.#signed('snapshot', new Metadata(signed)),
    );
    this.#versions.set('snapshot', signed.version);
    return signed.version;
  }

  /** A root is signed by its own keys, and by those of the one before it. */
  #signRoot(): void {
    const old = this.#rootBefore();
    const keyIds = new Set([this.#root, old].flatMap((root) => root?.signed.roles.root?.keyIDs ?? []));
    this.#root = new Metadata(
      new Root({
        ...this.#root.signed,
        ...this.#stamp('root', this.#root.signed, (old?.signed.version ?? 0) + 1),
      }),
    );
    const bytes = this.#signedBy(keyIds, this.#root);
    for (const root of [this.#root, old]) if (root !== undefined) requireSigned(root, 'root', this.#root);
    const { version } = this.#root.signed;
    this.#create(METADATA + metadataFile('root', version), bytes);
    this.#versions.set('root', version);
  }

  #rootBefore(): Metadata<Root> | undefined {
    const version = this.#versions.get('root');
    return version === undefined ? undefined : read(this.tree, MetadataKind.Root, 'root', version);
  }

  #sign(name: string, { signed }: Metadata<Targets>): void {
    const version = (this.#versions.get(name) ?? 0) + 1;
    const metadata = new Metadata(new Targets({ ...signed, ...this.#stamp('targets', signed, version) }));
    this.#create(METADATA + metadataFile(name, version), this.#signed('targets', metadata));
    this.#versions.set(name, version);
    if (name === 'targets') this.#targets = metadata;
    else this.#bins.set(name, metadata);
  }

  /** What every signature is over, besides what is signed. */
  #stamp(role: RoleName, { unrecognizedFields }: Root | Targets, version: number) {
    return {
      version,
      expires: this.#expiry(role),
      unrecognizedFields: { ...unrecognizedFields, [FIELD.issued]: rfc3339(this.#now) },
    };
  }

  #signed(role: RoleName, metadata: Metadata<Targets> | Metadata<Snapshot> | Metadata<Timestamp>): Buffer {
    return this.#signedBy(new Set(this.#root.signed.roles[role]?.keyIDs ?? []), metadata);
  }

  #signedBy(
    keyIds: Set<string>,
    metadata: Metadata<Root> | Metadata<Targets> | Metadata<Snapshot> | Metadata<Timestamp>,
  ): Buffer {
    metadata.signatures = {};
    for (const id of keyIds) {
      const key = this.#keys.get(id);
      if (key !== undefined) metadata.sign((data) => key.sign(data));
    }
    return Buffer.from(`${JSON.stringify(metadata.toJSON())}\n`);
  }

  #create(path: string, bytes: Uint8Array): void {
    this.tree.create(path, bytes);
    this.#written.push(path);
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

  #readTimestamp(): Metadata<Timestamp> | undefined {
    const bytes = this.tree.read(METADATA + metadataFile('timestamp', undefined));
    return bytes && parse(MetadataKind.Timestamp, 'timestamp', bytes);
  }

  #isDue(name: string, expires: string): boolean {
    const lifetime = this.#lifetimes()[this.roleOf(name)] * DAY;
    return Date.parse(expires) - this.#now.getTime() < lifetime / 2;
  }

  #expiry(role: RoleName): string {
    return rfc3339(new Date(this.#now.getTime() + this.#lifetimes()[role] * DAY));
  }

  #lifetimes(): Lifetimes {
    return v.parse(LifetimesSchema, this.#root.signed.unrecognizedFields[FIELD.lifetimes]);
  }

  #requireKeys(role: RoleName, { signed }: Metadata<Root>): void {
    const { keyIDs = [], threshold = 1 } = signed.roles[role] ?? {};
    const here = keyIDs.filter((id) => this.#keys.has(id)).length;
    if (here >= threshold) return;
    throw new LivepatchError('config', `${threshold} keys have to sign for ${role}, and ${here} are here`, {
      hint: 'Name the directories of the others, too: --keys may be given several times.',
    });
  }
}

function delegationsTo({ keys, roles }: Root): Delegations {
  const { keyIDs = [], threshold = 1 } = roles.targets ?? {};
  return new Delegations({
    keys: Object.fromEntries(keyIDs.map((id) => [id, keys[id] as Key])),
    succinctRoles: new SuccinctRoles({ keyIDs, threshold, bitLength: BINS.bits, namePrefix: BINS.prefix }),
  });
}
