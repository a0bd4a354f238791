import { createHash } from 'node:crypto';
import type { Metadata, TargetFile, Timestamp } from '@tufjs/models';
import {
  BadVersionError,
  EqualVersionError,
  ExpiredMetadataError,
  RepositoryError,
} from 'tuf-js/dist/error.js';
import { TrustedMetadataStore } from 'tuf-js/dist/store.js';
import * as v from 'valibot';
import { LivepatchError } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import { Time } from '../../schemas.ts';
import type { Secret } from '../../secret.ts';
import type { Freshness } from '../../types.ts';
import type { Host } from './host.ts';
import { FIELD, metadataFile } from './layout.ts';
import type { MetadataStore } from './metadata-store.ts';
import { type Refused, refusal } from './refusals.ts';

export interface TrustDeps {
  store: MetadataStore;
  /** Of the metadata. */
  host: Host;
  token?: Secret | undefined;
  /** How far two clocks may be apart, milliseconds. */
  clockSkew: number;
}

/** A catalogue whose metadata is up to date and proven. */
export interface TrustedCatalogue {
  /** @throws LivepatchError as `openTrusted` */
  target(path: string): Promise<TargetFile | undefined>;
  /** Whether targets are stored with their hash before their name. */
  prefixed: boolean;
  /** A field of the signed part of the top-level targets. */
  field(name: string): unknown;
  freshness: Freshness;
}

const { metadata: BOUNDS } = LIMITS.catalogue;
/** What comes later is not RFC 3339, and could be written down but not read again. */
const LAST_DAY = Date.UTC(9999, 11, 31);

/**
 * The workflow of a TUF client (section 5 of the specification) around the checks of tuf-js. Its own `Updater` does the
 * same, but keeps metadata with plain writes, which a crash cuts short, turns each failure into one string, and asks for
 * a newer root first, always; `FIELD.rootVersion` tells when that is needless.
 * @throws LivepatchError `bad-answer` for anything that is not as signed, that was rolled back or mixed; `expired`;
 * `clock`; `storage`; as host.ts
 */
export async function openTrusted(deps: TrustDeps): Promise<TrustedCatalogue> {
  const root = deps.store.read('root.json');
  if (root === undefined) throw new LivepatchError('trust-anchors', 'there is no trusted root.json');
  const client = new Client(deps, root);
  await client.refresh();
  return client;
}

class Client implements TrustedCatalogue {
  readonly #deps: TrustDeps;
  readonly #trusted: TrustedMetadataStore;
  #root: Buffer;
  /** TUF section 5.1: one time for the whole of an update. */
  readonly #now = new Date();

  constructor(deps: TrustDeps, root: Buffer) {
    this.#deps = deps;
    this.#root = root;
    this.#trusted = this.#check('root', root, () => new TrustedMetadataStore(root));
  }

  /** From what every check verifies; a bin that has expired fails the check of the kernels in it alone. */
  get freshness(): Freshness {
    const { root, snapshot, targets, timestamp } = this.#trusted;
    const renewed = v.safeParse(Time, timestamp?.signed.unrecognizedFields[FIELD.issued]);
    const ends = [root, timestamp, snapshot, targets].map((role) => Date.parse(role?.signed.expires ?? ''));
    return {
      renewedAt: renewed.success ? renewed.output : undefined,
      expiresAt: new Date(Math.min(...ends, LAST_DAY)).toISOString(),
    };
  }

  get prefixed(): boolean {
    return this.#trusted.root.signed.consistentSnapshot;
  }

  field(name: string): unknown {
    return this.#trusted.targets?.signed.unrecognizedFields[name];
  }

  async refresh(): Promise<void> {
    const kept = this.#deps.store.read('timestamp.json');
    const early = this.#coversRoot(kept) ? await this.#fetchTimestamp(kept) : undefined;
    if (early === undefined || kept?.equals(early) !== true) await this.#updateRoot();
    const fetched = early ?? (await this.#fetchTimestamp(kept));
    this.#requireFresh('root', this.#root, this.#trusted.root);
    this.#updateTimestamp(kept, fetched);
    await this.#updateSnapshot();
    await this.#loadTargets('targets', 'root');
  }

  /** Section 5.6.7: depth first, in the order of trust. */
  async target(path: string): Promise<TargetFile | undefined> {
    const visited = new Set<string>();
    const toVisit: [role: string, parent: string][] = [['targets', 'root']];
    for (;;) {
      const [role, parent] = toVisit.pop() ?? [];
      if (role === undefined || parent === undefined || visited.size > LIMITS.catalogue.delegations) return;
      if (visited.has(role)) continue;
      await this.#loadTargets(role, parent);
      const signed = this.#trusted.getRole(role)?.signed;
      if (signed === undefined) continue;
      if (Object.hasOwn(signed.targets, path)) return signed.targets[path];
      visited.add(role);
      const children: [string, string][] = [];
      for (const { role: child, terminating } of signed.delegations?.rolesForTarget(path) ?? []) {
        children.push([child, role]);
        if (!terminating) continue;
        toVisit.length = 0;
        break;
      }
      toVisit.push(...children.reverse());
    }
  }

  /** Whether our timestamp says that there is no newer root than ours; see `FIELD.rootVersion`. */
  #coversRoot(kept: Buffer | undefined): kept is Buffer {
    const newest = v.safeParse(NewestRoot, json(kept));
    return newest.success && newest.output.signed[FIELD.rootVersion] === this.#trusted.root.signed.version;
  }

  /** Section 5.3: each root is signed by the one before, however many there were while the machine was away. */
  async #updateRoot(): Promise<void> {
    for (let rotations = 0; rotations < LIMITS.catalogue.rootRotations; rotations += 1) {
      const version = this.#trusted.root.signed.version + 1;
      const bytes = await this.#fetch('root', version, BOUNDS.root);
      if (bytes === undefined) return;
      this.#check('root', bytes, () => this.#trusted.updateRoot(bytes));
      this.#deps.store.write('root.json', bytes);
      this.#root = bytes;
    }
  }

  /** @returns ours, when the host says by its tag that it has no other. */
  async #fetchTimestamp(kept: Buffer | undefined): Promise<Buffer> {
    const { host, store, token } = this.#deps;
    const path = metadataFile('timestamp', undefined);
    const etag = kept && etagOf(kept, host.address, store.read(ETAG));
    const fetched = await host.get({ path, limit: BOUNDS.timestamp, token, etag });
    if (fetched.found === 'missing') throw noCatalogue(host, fetched.denied);
    if (fetched.found === 'unchanged') return kept as Buffer;
    if (fetched.etag !== undefined && /^[\x21-\x7e]{1,200}$/.test(fetched.etag)) {
      const note: EtagNote = { address: host.address, etag: fetched.etag, sha256: sha256(fetched.bytes) };
      if (etag !== note.etag) store.write(ETAG, Buffer.from(JSON.stringify(note)));
    }
    return fetched.bytes;
  }

  /** Section 5.4. */
  #updateTimestamp(kept: Buffer | undefined, fetched: Buffer): void {
    const trusted = this.#trusted;
    // Also an expired one protects from older ones. One that a new root does not vouch for protects from nothing: that
    // is how a catalogue recovers from a stolen key that had signed the highest version there is.
    if (kept !== undefined) ignoringErrors(() => trusted.updateTimestamp(kept));
    const isNew = this.#check('timestamp', fetched, () => {
      if (trusted.timestamp !== undefined && kept?.equals(fetched)) return false;
      try {
        trusted.updateTimestamp(fetched);
        return true;
      } catch (error) {
        // Another one of the same version does not count.
        if (error instanceof EqualVersionError) return false;
        throw error;
      }
    });
    if (isNew) this.#deps.store.write('timestamp.json', fetched);
    else this.#requireFresh('timestamp', kept as Buffer, trusted.timestamp as Metadata<Timestamp>);
  }

  /** Section 5.5. */
  async #updateSnapshot(): Promise<void> {
    const kept = this.#deps.store.read('snapshot.json');
    if (kept !== undefined && ignoringErrors(() => this.#trusted.updateSnapshot(kept, true))) return;
    const { length, version } = (this.#trusted.timestamp as Metadata<Timestamp>).signed.snapshotMeta;
    const bytes = await this.#required('snapshot', version, length, BOUNDS.snapshot);
    // It counts as loaded when all but its version is right; until then the one that was kept stands in its place.
    const before = this.#trusted.snapshot;
    const isMixed = () =>
      this.#trusted.snapshot !== before && this.#trusted.snapshot?.signed.version !== version;
    this.#check('snapshot', bytes, () => this.#trusted.updateSnapshot(bytes), isMixed);
    this.#deps.store.write('snapshot.json', bytes);
  }

  /** Section 5.6. */
  async #loadTargets(role: string, parent: string): Promise<void> {
    const trusted = this.#trusted;
    const loaded = trusted.getRole(role);
    if (loaded !== undefined) {
      const delegator = parent === 'root' ? trusted.root : trusted.getRole(parent);
      return this.#check(role, Buffer.alloc(0), () => delegator?.verifyDelegate(role, loaded));
    }
    const kept = this.#deps.store.read(metadataFile(role, undefined));
    if (kept !== undefined && ignoringErrors(() => trusted.updateDelegatedTargets(kept, role, parent)))
      return;
    const meta = trusted.snapshot?.signed.meta ?? {};
    const listed = Object.hasOwn(meta, `${role}.json`) ? meta[`${role}.json`] : undefined;
    if (listed === undefined) {
      throw refusal(new RepositoryError('not in the snapshot'), this.#refused(role, Buffer.alloc(0), true));
    }
    const bytes = await this.#required(role, listed.version, listed.length, BOUNDS.targets);
    // Signed as they should be, so that what is wrong is the version.
    const isMixed = (error: unknown) => error instanceof BadVersionError;
    this.#check(role, bytes, () => trusted.updateDelegatedTargets(bytes, role, parent), isMixed);
    this.#deps.store.write(metadataFile(role, undefined), bytes);
  }

  /** @param length as announced, where it was. */
  async #required(role: string, version: number, length: number | undefined, bound: number): Promise<Buffer> {
    const versioned = this.#trusted.root.signed.consistentSnapshot ? version : undefined;
    const bytes = await this.#fetch(role, versioned, Math.min(length ?? bound, bound));
    if (bytes !== undefined) return bytes;
    throw new LivepatchError(
      'bad-answer',
      `the catalogue is not complete: ${this.#deps.host.address} has no ${metadataFile(role, versioned)}`,
      { hint: 'It may be being uploaded; metadata/timestamp.json goes last.' },
    );
  }

  async #fetch(role: string, version: number | undefined, limit: number): Promise<Buffer | undefined> {
    const { host, token } = this.#deps;
    const fetched = await host.get({ path: metadataFile(role, version), limit, token });
    return fetched.found === 'file' ? fetched.bytes : undefined;
  }

  /** Does one check, and names what it refuses. */
  #check<T>(role: string, bytes: Uint8Array, check: () => T, isMixed = (_error: unknown) => false): T {
    try {
      return check();
    } catch (error) {
      throw refusal(error, this.#refused(role, bytes, isMixed(error)));
    }
  }

  #requireFresh(role: string, bytes: Uint8Array, { signed }: { signed: { isExpired(now: Date): boolean } }) {
    if (signed.isExpired(this.#now))
      throw refusal(new ExpiredMetadataError(), this.#refused(role, bytes, false));
  }

  #refused(role: string, bytes: Uint8Array, mixed: boolean): Refused {
    const { clockSkew, host } = this.#deps;
    return { role, bytes, mixed, now: this.#now, hostClock: host.clock, clockSkew };
  }
}

const NewestRoot = v.object({ signed: v.object({ [FIELD.rootVersion]: v.number() }) });

/** The note beside the timestamp: the tag by which its host knows it. */
const ETAG = 'timestamp.etag';
const EtagNote = v.object({ address: v.string(), etag: v.string(), sha256: v.string() });
type EtagNote = v.InferOutput<typeof EtagNote>;

/** The tag of this very file at this very host: the note may be older than the file, or the address another. */
function etagOf(bytes: Buffer, address: string, note: Buffer | undefined): string | undefined {
  const noted = v.safeParse(EtagNote, json(note));
  if (!noted.success || noted.output.address !== address) return undefined;
  return noted.output.sha256 === sha256(bytes) ? noted.output.etag : undefined;
}

function json(bytes: Buffer | undefined): unknown {
  try {
    return JSON.parse(bytes?.toString('utf8') ?? '');
  } catch {
    return undefined;
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What we kept may have expired, or be signed by keys of old: then what is fetched has to do. */
function ignoringErrors(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}

function noCatalogue({ address }: Host, denied: boolean): LivepatchError {
  return new LivepatchError('bad-answer', `there is no catalogue at ${address}: it has no timestamp.json`, {
    hint: denied
      ? "Its host answered 403: it may want a token, or another one. Run 'sudo canonical-livepatch disable', then enable with it."
      : 'Is remote-server the address of the directory that holds metadata, targets and patches?',
  });
}
