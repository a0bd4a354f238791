import { MetadataKind, MetaFile, Snapshot, Timestamp } from '@tufjs/models';
import { expect } from 'vitest';
import { type CatalogueKey, generateKey, type RoleName } from '../../src/publish/catalogue/keys.ts';
import { binOf, indexPath, patchPath, storedPath } from '../../src/source/catalogue/layout.ts';
import { FAR, forge, put, SPEC } from '../catalogue/forge.ts';
import {
  indexOf,
  listed,
  type makeCatalogue,
  patchBytes,
  publishPatches,
  type TestCatalogue,
} from '../catalogue/make.ts';
import { BIN, OURS, PATH, type Scene } from './attack-scene.ts';

const DAY = 24 * 60 * 60 * 1000;

export interface Attack {
  how: string;
  thresholds?: Parameters<typeof makeCatalogue>[0];
  /** What was published and seen before it. */
  before?(scene: Scene): Promise<void> | void;
  /** @param theirs the catalogue as the host now holds it. */
  attack(theirs: TestCatalogue, scene: Scene): void;
  status: number;
  says: RegExp;
  env?: Record<string, string>;
  /** The roles whose keys it takes: nothing but new keys helps then. */
  stolen?: RoleName[];
}

const REFUSED = 'livepatch check failed: the catalogue was refused: ';
const refused = (why: string) => ({ status: 76, says: new RegExp(`^${REFUSED}${why}`, 'm') });
export const ROLLED_BACK = refused('it was rolled back: ');
const MIXED = refused('its files do not belong together: ');
const UNSIGNED = (role: string) =>
  refused(`${role}.json is not signed by enough of the keys that it has to be signed with$`);
const TOO_LONG = { status: 76, says: /is longer than the \d+ bytes allowed$/m };
const DAMAGED = { status: 65, says: /does not have the size and SHA-256 declared$/m };

const newest = (files: Map<string, Buffer>, role: string) => {
  const versions = [...files.keys()].flatMap((path) => path.match(/^metadata\/(\d+)\.(.*)\.json$/) ?? []);
  return Math.max(...versions.map((_, at) => (versions[at + 2] === role ? Number(versions[at + 1]) : 0)));
};
const pathOf = (files: Map<string, Buffer>, role: string) =>
  role === 'timestamp' ? 'metadata/timestamp.json' : `metadata/${newest(files, role)}.${role}.json`;
const kindOf = (role: string) =>
  (['root', 'snapshot', 'timestamp'].includes(role) ? role : 'targets') as MetadataKind;
const keyOf = ({ keys }: TestCatalogue, role: RoleName) => keys[role][0] as CatalogueKey;
const indexFile = (files: Map<string, Buffer>) =>
  [...files.keys()].filter((name) => name.startsWith(`targets/kernels/${OURS.kernel}/`)).at(-1) as string;

/** A new state, so that every role is fetched. */
const publishAnother = ({ made }: Scene) => {
  made.change((repository) => {
    repository.touch('targets');
    repository.putIndex(indexOf([], { ...OURS, upgradeRequiredDate: '2099-01-01' }));
  });
};
const publishPatch = ({ made }: Scene) => publishPatches(made, indexOf([listed('121.1')], OURS));
const seen = async (scene: Scene) => {
  publishAnother(scene);
  expect(await scene.machine.run(['refresh'])).toMatchObject({ status: 0 });
};

/** Snapshot and timestamp that lead to old versions of these, by who has the keys of both. */
export function leadTo(
  theirs: TestCatalogue,
  version: number,
  edit: (versions: Record<string, number>) => void,
) {
  const { meta } = JSON.parse(
    (theirs.files.get(pathOf(theirs.files, 'snapshot')) as Buffer).toString(),
  ).signed;
  const versions = Object.fromEntries(
    Object.entries(meta as Record<string, { version: number }>).map(([name, { version }]) => [name, version]),
  );
  edit(versions);
  const all = Object.fromEntries(
    Object.entries(versions).map(([name, version]) => [name, new MetaFile({ version })]),
  );
  const snapshot = new Snapshot({ specVersion: SPEC, version, expires: FAR, meta: all });
  put(theirs, `metadata/${version}.snapshot.json`, snapshot, keyOf(theirs, 'snapshot'));
  const snapshotMeta = new MetaFile({ version });
  const timestamp = new Timestamp({ specVersion: SPEC, version, expires: FAR, snapshotMeta });
  put(theirs, 'metadata/timestamp.json', timestamp, keyOf(theirs, 'timestamp'));
}

/** Never ends: as much as is taken, and more. */
function endless({ host }: Scene, path: string): void {
  host.overrides.set(path, (_, response) => {
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(1 << 16)));
    };
    response.on('drain', more);
    more();
  });
}

/** A byte now and then. */
function dripping({ host }: Scene, path: string): void {
  host.overrides.set(path, (_, response) => {
    const drip = setInterval(() => response.write(' '), 50);
    response.on('close', () => clearInterval(drip));
  });
}

const ROLES = ['timestamp', 'snapshot', 'targets', BIN];

export const ATTACKS: Record<string, Attack[]> = {
  'arbitrary software': [
    ...ROLES.map(
      (role): Attack => ({
        how: `${role === BIN ? 'a bin' : `${role}.json`} that others have signed`,
        before: publishAnother,
        attack: (theirs) =>
          forge(theirs, pathOf(theirs.files, role), kindOf(role), [generateKey().made], () => {}),
        ...UNSIGNED(role),
      }),
    ),
    {
      how: 'an index that is another',
      before: publishAnother,
      attack({ files }) {
        const path = indexFile(files);
        files.set(path, Buffer.from((files.get(path) as Buffer).toString().replace('2099', '2098')));
      },
      ...DAMAGED,
    },
    {
      how: 'a patch file that is another',
      before: publishPatch,
      attack({ files }) {
        const path = patchPath(listed('121.1').sha256);
        files.set(path, Buffer.from(files.get(path) as Buffer).fill('x', 100, 110));
      },
      status: 65,
      says: /^the patch file from ".*" does not have the SHA-256 declared$/m,
    },
  ],
  'wrong software': [
    {
      how: 'the index of another kernel, by who has the targets key',
      before(scene) {
        publishPatches(scene.made, indexOf([], { kernel: '5.15.0-1' }));
        publishAnother(scene);
      },
      attack(theirs) {
        const { files } = theirs;
        const other = indexPath('5.15.0-1', 'amd64');
        const bin = files.get(pathOf(files, binOf(other))) as Buffer;
        const { hashes, length } = JSON.parse(bin.toString()).signed.targets[other];
        const file = files.get(`targets/${storedPath(other, hashes.sha256)}`) as Buffer;
        files.set(`targets/${storedPath(PATH, hashes.sha256)}`, file);
        forge(theirs, pathOf(files, BIN), MetadataKind.Targets, theirs.keys.targets, (signed) => {
          signed.targets = { [PATH]: { hashes, length } };
        });
      },
      status: 76,
      says: /the catalogue's index of kernel .*: it is of another kernel$/m,
    },
    {
      how: 'another patch file, genuine, in the place of the one asked for',
      before: publishPatch,
      attack: ({ files }) => void files.set(patchPath(listed('121.1').sha256), patchBytes('120.1')),
      status: 65,
      says: /^the patch file from ".*" (does not have the SHA-256|has \d+ bytes instead of the \d+) declared$/m,
    },
  ],
  rollback: [
    {
      how: 'of the timestamp: all of it as it was before',
      before: seen,
      attack(_, { first, host }) {
        host.files = first;
      },
      ...ROLLED_BACK,
    },
    {
      how: 'of the snapshot, with the key of the timestamp',
      before: seen,
      attack: (theirs) =>
        forge(theirs, 'metadata/timestamp.json', MetadataKind.Timestamp, theirs.keys.timestamp, (signed) => {
          signed.version = 100;
          signed.meta = { 'snapshot.json': { version: 2 } };
        }),
      stolen: ['timestamp'],
      ...ROLLED_BACK,
    },
    ...['targets', BIN].map(
      (role): Attack => ({
        how: `of ${role === BIN ? 'a bin' : role}, with the keys of snapshot and timestamp`,
        before: seen,
        attack: (theirs) =>
          leadTo(theirs, 100, (versions) => {
            versions[`${role}.json`] = 1;
          }),
        stolen: ['snapshot', 'timestamp'],
        ...ROLLED_BACK,
      }),
    ),
    {
      how: 'of the root',
      async before(scene) {
        scene.made.change((repository) => repository.touch('root'));
        await seen(scene);
        publishAnother(scene);
      },
      attack: ({ files }, { made }) => void files.set('metadata/3.root.json', made.root),
      ...ROLLED_BACK,
    },
  ],
  'indefinite freeze': [
    {
      how: 'with what was good a week ago',
      attack(_, { host }) {
        host.clock = new Date(Date.now() + 8 * DAY);
      },
      env: { CLOCK_AHEAD_DAYS: '8' },
      status: 76,
      says: /^livepatch check failed: the catalogue has not been renewed since 20\S+Z: its timestamp\.json expired on 20\S+Z$/m,
    },
    {
      how: 'by 304 for ever',
      attack(_, { host }) {
        host.clock = new Date(Date.now() + 8 * DAY);
        host.overrides.set('metadata/timestamp.json', (_, response) => void response.writeHead(304).end());
      },
      env: { CLOCK_AHEAD_DAYS: '8' },
      status: 76,
      says: /^livepatch check failed: the catalogue has not been renewed since 20/m,
    },
    {
      how: 'of the snapshot, with the key of the timestamp',
      attack(theirs, { host }) {
        host.clock = new Date(Date.now() + 40 * DAY);
        forge(theirs, 'metadata/timestamp.json', MetadataKind.Timestamp, theirs.keys.timestamp, (signed) => {
          signed.expires = FAR;
          signed.version = 100;
        });
      },
      stolen: ['timestamp'],
      env: { CLOCK_AHEAD_DAYS: '40' },
      status: 76,
      says: /^livepatch check failed: the catalogue has not been renewed since .*: its snapshot\.json expired on 20/m,
    },
    {
      how: 'that is none, because the clock of this machine is ahead',
      attack: () => {},
      env: { CLOCK_AHEAD_DAYS: '1000' },
      status: 78,
      says: /^livepatch check failed: this machine's clock says 20\S+Z, the catalogue's host says 20\S+Z$/m,
    },
  ],
  'endless data': [
    ...['timestamp', 'root', 'snapshot', BIN].map(
      (role): Attack => ({
        how: `in place of ${role === BIN ? 'a bin' : role}`,
        before: publishAnother,
        attack: ({ files }, scene) =>
          endless(scene, role === 'root' ? 'metadata/2.root.json' : pathOf(files, role)),
        ...TOO_LONG,
      }),
    ),
    {
      how: 'in place of an index',
      before: publishAnother,
      attack: ({ files }, scene) => endless(scene, indexFile(files)),
      ...TOO_LONG,
    },
    {
      how: 'in place of a patch file',
      before: publishPatch,
      attack: (_, scene) => endless(scene, patchPath(listed('121.1').sha256)),
      status: 65,
      says: /is larger than the \d+ bytes declared$/m,
    },
  ],
  'slow retrieval': [
    ...['timestamp', 'snapshot'].map(
      (role): Attack => ({
        how: `of the ${role}`,
        before: publishAnother,
        attack: ({ files }, scene) => dripping(scene, pathOf(files, role)),
        env: { HURRY: '100' },
        status: 69,
        says: /^livepatch check failed: GET request to ".*" failed$/m,
      }),
    ),
    {
      how: 'of a patch file',
      before: publishPatch,
      attack: (_, scene) => dripping(scene, patchPath(listed('121.1').sha256)),
      env: { HURRY: '1000' },
      status: 69,
      says: /^GET request to ".*" failed$/m,
    },
  ],
  'mix and match': ['snapshot', BIN].map(
    (role): Attack => ({
      how: `an old ${role === BIN ? 'bin' : role} under the name of the new one`,
      before: publishAnother,
      attack({ files }) {
        const path = pathOf(files, role);
        const before = path.replace(/\d+/, (version) => String(Number(version) - 1));
        files.set(path, files.get(before) as Buffer);
      },
      ...MIXED,
    }),
  ),
  'key compromise below the threshold': [
    {
      how: 'of one of three targets keys, of which two have to sign',
      thresholds: { targets: [3, 2] },
      before: publishAnother,
      attack: (theirs) =>
        forge(
          theirs,
          pathOf(theirs.files, BIN),
          MetadataKind.Targets,
          [keyOf(theirs, 'targets'), keyOf(theirs, 'targets')],
          () => {},
        ),
      ...UNSIGNED(BIN),
    },
    {
      how: 'of one of three root keys, of which two have to sign',
      thresholds: { root: [3, 2] },
      before: publishAnother,
      attack(theirs) {
        const thief = generateKey().made;
        theirs.files.set('metadata/2.root.json', theirs.root);
        const keys = [thief, keyOf(theirs, 'root')];
        forge(theirs, 'metadata/2.root.json', MetadataKind.Root, keys, (signed) => {
          signed.version = 2;
          (signed.keys as Record<string, unknown>)[thief.key.keyID] = thief.key.toJSON();
          (signed.roles as Record<string, unknown>).root = { keyids: [thief.key.keyID], threshold: 1 };
        });
      },
      ...UNSIGNED('root'),
    },
  ],
  'a malicious mirror': [
    {
      how: 'that holds back the timestamp',
      attack: ({ files }) => void files.delete('metadata/timestamp.json'),
      status: 76,
      says: /^livepatch check failed: there is no catalogue at http:.*: it has no timestamp\.json$/m,
    },
    ...['snapshot', BIN].map(
      (role): Attack => ({
        how: `that holds back ${role === BIN ? 'a bin' : `the ${role}`}`,
        before: publishAnother,
        attack: ({ files }) => void files.delete(pathOf(files, role)),
        status: 76,
        says: /^livepatch check failed: the catalogue is not complete: http:.* has no \d+\..*\.json$/m,
      }),
    ),
    {
      how: 'that holds back an index',
      before: publishAnother,
      attack: ({ files }) => void files.delete(indexFile(files)),
      status: 76,
      says: /^livepatch check failed: the catalogue is not complete: http:.* has no kernels\//m,
    },
    ...['<html>', 'null', '{"signed":{"_type":"timestamp"},"signatures":[]}', ''].map(
      (text): Attack => ({
        how: `that answers ${JSON.stringify(text)}`,
        attack: ({ files }) => void files.set('metadata/timestamp.json', Buffer.from(text)),
        ...refused('timestamp\\.json is not '),
      }),
    ),
    {
      how: 'that packs what nobody asked to be packed',
      attack: (_, { host }) =>
        void host.overrides.set('metadata/timestamp.json', (_, response) => {
          response.writeHead(200, { 'content-encoding': 'gzip' }).end('bomb');
        }),
      status: 76,
      says: /came compressed, which was not asked for$/m,
    },
    {
      how: 'that redirects elsewhere',
      attack: (_, { host }) =>
        void host.overrides.set('metadata/timestamp.json', (_, response) => {
          response.writeHead(302, { location: 'http://elsewhere.example/?secret' }).end();
        }),
      status: 76,
      says: /redirects to "http:\/\/elsewhere\.example\/"$/m,
    },
  ],
};
