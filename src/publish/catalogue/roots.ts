import { type Key, Root, Targets } from '@tufjs/models';
import { Delegations } from '@tufjs/models/dist/delegations.js';
import { Role, SuccinctRoles } from '@tufjs/models/dist/role.js';
import { BINS, FIELD } from '../../source/catalogue/layout.ts';
import type { CatalogueKey, RoleName } from './keys.ts';
import { rfc3339, SPEC } from './metadata-files.ts';
import { keyIdsOf, type Lifetimes, thresholdOf } from './signing.ts';

/** The root of a new catalogue, not signed yet. */
export function firstRoot(
  roles: Record<RoleName, { keys: CatalogueKey[]; threshold: number }>,
  lifetimes: Lifetimes,
  now: Date,
): Root {
  const all = Object.values(roles).flatMap(({ keys }) => keys);
  return new Root({
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
}

/** Targets that name nothing, not signed yet. */
export function emptyTargets(now: Date, delegations?: Delegations): Targets {
  return new Targets({
    specVersion: SPEC,
    version: 0,
    expires: rfc3339(now),
    ...(delegations === undefined ? {} : { delegations }),
  });
}

/** That the bins are signed by the keys of the targets: to whom a root gives the targets, it gives the bins. */
export function delegationsTo(root: Root): Delegations {
  const [keyIDs, threshold] = [keyIdsOf(root, 'targets'), thresholdOf(root, 'targets')];
  return new Delegations({
    keys: Object.fromEntries(keyIDs.map((id) => [id, root.keys[id] as Key])),
    succinctRoles: new SuccinctRoles({ keyIDs, threshold, bitLength: BINS.bits, namePrefix: BINS.prefix }),
  });
}

/** Gives a role other keys, as many of which have to sign as before. */
export function giveKeys(root: Root, role: RoleName, keys: readonly CatalogueKey[]): void {
  for (const id of keyIdsOf(root, role)) {
    const isElsewhere = Object.entries(root.roles).some(
      ([name, { keyIDs }]) => name !== role && keyIDs.includes(id),
    );
    if (!isElsewhere) delete root.keys[id];
  }
  const keyIDs = keys.map(({ key }) => key.keyID);
  root.roles[role] = new Role({ keyIDs, threshold: thresholdOf(root, role) });
  for (const { key } of keys) root.keys[key.keyID] = key;
}
