import { type Metadata, Root, type Snapshot, Targets, type Timestamp } from '@tufjs/models';
import * as v from 'valibot';
import { LivepatchError } from '../../errors.ts';
import { FIELD } from '../../source/catalogue/layout.ts';
import type { CatalogueKey, Keyring, RoleName } from './keys.ts';
import { rfc3339 } from './metadata-files.ts';

/** How many days each role's metadata is good for. */
export type Lifetimes = Record<RoleName, number>;

const LifetimesSchema = v.object({
  root: v.number(),
  targets: v.number(),
  snapshot: v.number(),
  timestamp: v.number(),
});

const DAY = 24 * 60 * 60 * 1000;

type AnyMetadata = Metadata<Root> | Metadata<Targets> | Metadata<Snapshot> | Metadata<Timestamp>;

/** Who signs a role of these, and for how long: the roles of the bins are all the targets'. */
export function roleOf(name: string): RoleName {
  return name === 'root' || name === 'snapshot' || name === 'timestamp' ? name : 'targets';
}

/** Signs with the keys at hand, as a root says: by whom, by how many, and for how long. */
export class Signing {
  readonly #keys: Map<string, CatalogueKey>;
  readonly #now: Date;

  constructor(keys: Keyring, now: Date) {
    this.#keys = new Map(keys);
    this.#now = now;
  }

  add(keys: readonly CatalogueKey[]): void {
    for (const one of keys) this.#keys.set(one.key.keyID, one);
  }

  /** Whether too few keys are at hand. */
  lacks(root: Root, role: RoleName): boolean {
    return this.#count(root, role) < thresholdOf(root, role);
  }

  /** @throws LivepatchError `config` when too few keys are at hand. */
  require(root: Root, role: RoleName): void {
    if (!this.lacks(root, role)) return;
    const [here, wanted] = [this.#count(root, role), thresholdOf(root, role)];
    throw new LivepatchError('config', `${wanted} keys have to sign for ${role}, and ${here} are here`, {
      hint: 'Name the directories of the others, too: --keys may be given several times.',
    });
  }

  #count(root: Root, role: RoleName): number {
    return keyIdsOf(root, role).filter((id) => this.#keys.has(id)).length;
  }

  /** Whether less than half of its time is left. */
  isDue(root: Root, role: RoleName, expires: string): boolean {
    return Date.parse(expires) - this.#now.getTime() < (lifetimesIn(root)[role] * DAY) / 2;
  }

  /** When what is signed now expires, and that it was signed now. */
  dates(root: Root, role: RoleName): { expires: string; issued: Record<string, string> } {
    const end = new Date(this.#now.getTime() + lifetimesIn(root)[role] * DAY);
    return { expires: rfc3339(end), issued: { [FIELD.issued]: rfc3339(this.#now) } };
  }

  /** The same with another version, to be signed now. */
  renewed<T extends Root | Targets>(root: Root, signed: T, version: number): T {
    const { expires, issued } = this.dates(root, signed instanceof Root ? 'root' : 'targets');
    const unrecognizedFields = { ...signed.unrecognizedFields, ...issued };
    const fields = { ...signed, version, expires, unrecognizedFields };
    return (signed instanceof Root ? new Root(fields as Root) : new Targets(fields as Targets)) as T;
  }

  /** @returns the file of it, signed by the keys that are at hand of these. */
  sign(keyIds: Iterable<string>, metadata: AnyMetadata): Buffer {
    metadata.signatures = {};
    for (const id of keyIds) {
      const key = this.#keys.get(id);
      if (key !== undefined) metadata.sign((data) => key.sign(data));
    }
    return Buffer.from(`${JSON.stringify(metadata.toJSON())}\n`);
  }
}

export function keyIdsOf(root: Root | undefined, role: RoleName): string[] {
  return root?.roles[role]?.keyIDs ?? [];
}

export function thresholdOf(root: Root, role: RoleName): number {
  return root.roles[role]?.threshold ?? 1;
}

function lifetimesIn(root: Root): Lifetimes {
  return v.parse(LifetimesSchema, root.unrecognizedFields[FIELD.lifetimes]);
}
