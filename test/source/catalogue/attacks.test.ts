import { MetadataKind, MetaFile, Snapshot, TargetFile, Targets, Timestamp } from '@tufjs/models';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type CatalogueKey, generateKey } from '../../../src/publish/catalogue/keys.ts';
import { binOf, indexPath, patchPath, storedPath } from '../../../src/source/catalogue/layout.ts';
import { FAR, forge, put, SPEC } from '../../catalogue/forge.ts';
import {
  indexOf,
  KERNEL,
  listed,
  makeCatalogue,
  patchBytes,
  publishPatches,
  type TestCatalogue,
} from '../../catalogue/make.ts';
import { machineAt, machineOf, reportOf, versionsIn } from './scene.ts';

const DAY = 24 * 60 * 60 * 1000;
const PATH = indexPath(KERNEL, 'amd64');
const BIN = binOf(PATH);

function published(...versions: string[]): TestCatalogue {
  const made = makeCatalogue();
  publishPatches(made, indexOf(versions.map((version) => listed(version))));
  return made;
}

function inDays(days: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + days * DAY });
}

afterEach(() => void vi.useRealTimers());

describe('arbitrary software', () => {
  it('a patch file that is another ends in an error', async () => {
    const made = published('121.1');
    const { machine } = await machineOf(made);
    const evil = Buffer.from(patchBytes('121.1')).fill('x', 100, 110);
    made.files.set(patchPath(listed('121.1').sha256), evil);
    await expect(machine.fetch(listed('121.1'))).rejects.toMatchObject({ code: 'digest' });
  });

  it.each(['timestamp', 'snapshot', 'targets', BIN])(
    '%s.json that others have signed is refused',
    async (role) => {
      const made = published('121.1');
      const { machine } = await machineOf(made);
      const newest = {
        timestamp: 'timestamp',
        snapshot: '2.snapshot',
        targets: '1.targets',
        [BIN]: `2.${BIN}`,
      }[role];
      const kind = (role === BIN ? 'targets' : role) as MetadataKind;
      forge(made, `metadata/${newest}.json`, kind, [generateKey().made], () => {});
      await expect(machine.checkIn()).rejects.toMatchObject({
        code: 'bad-answer',
        message: `the catalogue was refused: ${role}.json is not signed by enough of the keys that it has to be signed with`,
      });
    },
  );

  it('an index that is another ends in an error', async () => {
    const made = published('121.1');
    const { machine } = await machineOf(made);
    const path = [...made.files.keys()].find((name) => name.startsWith('targets/')) as string;
    made.files.set(
      path,
      Buffer.from((made.files.get(path) as Buffer).toString().replace('supported', 'supportex')),
    );
    await expect(machine.checkIn()).rejects.toMatchObject({ code: 'digest' });
  });

  it('a pinned root that nobody has signed is refused', async () => {
    const made = published('121.1');
    expect(() => machineAt(new URL('http://127.0.0.1:1'), Buffer.from('{}')).source()).toThrow(
      /catalogue-root/,
    );
    const unsigned = { ...JSON.parse(made.root.toString()), signatures: [] };
    expect(() =>
      machineAt(new URL('http://127.0.0.1:1'), Buffer.from(JSON.stringify(unsigned))).source(),
    ).toThrow(/catalogue-root/);
  });
});

describe('wrong software', () => {
  it('the index of another kernel under the name of ours is refused', async () => {
    const made = published('121.1');
    publishPatches(made, indexOf([listed('99.1')], { kernel: '5.15.0-1' }));
    const { machine } = await machineOf(made);
    const other = indexPath('5.15.0-1', 'amd64');
    const bin = made.files.get(`metadata/2.${binOf(other)}.json`) as Buffer;
    const { hashes, length } = JSON.parse(bin.toString()).signed.targets[other];
    const file = made.files.get(`targets/${storedPath(other, hashes.sha256)}`) as Buffer;
    made.files.set(`targets/${storedPath(PATH, hashes.sha256)}`, file);
    const version = [...made.files.keys()].filter((name) => name.endsWith(`.${BIN}.json`)).length;
    forge(made, `metadata/${version}.${BIN}.json`, MetadataKind.Targets, made.keys.targets, (signed) => {
      signed.targets = { [PATH]: { hashes, length } };
    });
    await expect(machine.checkIn()).rejects.toMatchObject({
      code: 'bad-answer',
      message: `the catalogue's index of kernel ${KERNEL}: it is of another kernel`,
    });
  });
});

describe('rollback', () => {
  const rolledBack = {
    code: 'bad-answer',
    message: expect.stringMatching(/^the catalogue was refused: it was rolled back:/),
  };

  it('of the timestamp is refused by name', async () => {
    const made = published('121.1');
    const { host, machine } = await machineOf(made);
    const before = made.copy();
    publishPatches(made, indexOf([listed('122.1')]));
    await machine.checkIn();
    host.files = before;
    await expect(machine.checkIn()).rejects.toMatchObject(rolledBack);
  });

  it('of the snapshot, with the key of the timestamp, is refused by name', async () => {
    const made = published('121.1');
    const { machine } = await machineOf(made);
    publishPatches(made, indexOf([listed('122.1')]));
    await machine.checkIn();
    forge(made, 'metadata/timestamp.json', MetadataKind.Timestamp, made.keys.timestamp, (signed) => {
      signed.version = 100;
      signed.meta = { 'snapshot.json': { version: 2 } };
    });
    await expect(machine.checkIn()).rejects.toMatchObject(rolledBack);
  });

  it.each(['targets', BIN])(
    'of %s, with the keys of snapshot and timestamp, is refused by name',
    async (role) => {
      const made = published('121.1');
      const { machine } = await machineOf(made);
      made.change((repository) => repository.touch('targets'));
      publishPatches(made, indexOf([listed('122.1')]));
      await machine.checkIn();
      const [newest] = made
        .open()
        .currentVersions()
        .filter(([name]) => name === 'snapshot')
        .map(([, version]) => version);
      const { meta } = JSON.parse(
        (made.files.get(`metadata/${newest}.snapshot.json`) as Buffer).toString(),
      ).signed;
      meta[`${role}.json`].version = 1;
      const old = Object.entries(meta as Record<string, { version: number }>);
      const all = Object.fromEntries(old.map(([name, { version }]) => [name, new MetaFile({ version })]));
      put(
        made,
        'metadata/100.snapshot.json',
        new Snapshot({ specVersion: SPEC, version: 100, expires: FAR, meta: all }),
        made.keys.snapshot[0] as CatalogueKey,
      );
      const snapshotMeta = new MetaFile({ version: 100 });
      put(
        made,
        'metadata/timestamp.json',
        new Timestamp({ specVersion: SPEC, version: 100, expires: FAR, snapshotMeta }),
        made.keys.timestamp[0] as CatalogueKey,
      );
      await expect(machine.checkIn()).rejects.toMatchObject(rolledBack);
    },
  );

  it('of the root is refused by name', async () => {
    const made = published('121.1');
    const { machine } = await machineOf(made);
    made.change((repository) => repository.touch('root'));
    await machine.checkIn();
    publishPatches(made, indexOf([listed('122.1')]));
    made.files.set('metadata/3.root.json', made.root);
    await expect(machine.checkIn()).rejects.toMatchObject(rolledBack);
  });

  it('is still known after another address was set', async () => {
    const made = published('121.1');
    const { machine } = await machineOf(made);
    const before = made.copy();
    publishPatches(made, indexOf([listed('122.1')]));
    await machine.checkIn();
    const { host: mirror } = await machineOf({ ...made, files: before });
    const elsewhere = machineAt(mirror.url, made.root, machine.store);
    await expect(elsewhere.checkIn()).rejects.toMatchObject(rolledBack);
  });
});

describe('indefinite freeze', () => {
  it('a catalogue that nobody renews is refused in its own words', async () => {
    const made = published('121.1');
    const { machine } = await machineOf(made);
    const known = await machine.checkIn();
    const issued = JSON.parse((made.files.get('metadata/timestamp.json') as Buffer).toString()).signed;
    inDays(8);
    await expect(machine.checkIn(known === 'unchanged' ? undefined : known.tag)).rejects.toMatchObject({
      code: 'expired',
      message: `the catalogue has not been renewed since ${issued['x-livepatch-issued']}: its timestamp.json expired on ${issued.expires}`,
    });
  });

  it.each([
    ['snapshot', 40],
    ['root', 400],
  ])('so is one whose %s has expired behind a fresh timestamp', async (role, days) => {
    const made = published('121.1');
    const { machine } = await machineOf(made);
    forge(made, 'metadata/timestamp.json', MetadataKind.Timestamp, made.keys.timestamp, (signed) => {
      signed.expires = FAR;
    });
    inDays(days);
    await expect(machine.checkIn()).rejects.toMatchObject({
      code: 'expired',
      message: expect.stringContaining(`${role}.json expired on`),
    });
  });

  it('is known by a date that is written in some other way', async () => {
    const made = published('121.1');
    const { machine } = await machineOf(made);
    forge(made, 'metadata/timestamp.json', MetadataKind.Timestamp, made.keys.timestamp, (signed) => {
      signed.expires = '2020-01-01';
    });
    await expect(machine.checkIn()).rejects.toMatchObject({
      message: 'the catalogue was refused: timestamp.json has expired',
    });
  });

  it('tells a clock that is ahead from a catalogue that is old', async () => {
    const made = published('121.1');
    const { host, machine } = await machineOf(made);
    host.clock = new Date();
    inDays(1000);
    await expect(machine.checkIn()).rejects.toMatchObject({
      code: 'clock',
      message: expect.stringMatching(/^this machine's clock says 20.*, the catalogue's host says 20/),
    });
  });

  it('tells of a clock that is behind, and goes on', async () => {
    const made = published('121.1');
    const { machine } = await machineOf(made);
    const issued = JSON.parse((made.files.get('metadata/timestamp.json') as Buffer).toString()).signed;
    inDays(-100);
    const { advice, issuedAt } = await machine.source().checkIn(reportOf(), undefined);
    expect(versionsIn(advice)).toEqual(['121.1']);
    expect(issuedAt).toBe(issued['x-livepatch-issued']);
  });
});

describe('endless data', () => {
  it.each([
    'metadata/timestamp.json',
    'metadata/2.root.json',
    'metadata/2.snapshot.json',
    `metadata/2.${BIN}.json`,
  ])('from %s is cut', async (path) => {
    const { host, machine } = await machineOf(published('121.1'));
    host.overrides.set(path, (_, response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(1 << 16)));
      };
      response.on('drain', more);
      more();
    });
    await expect(machine.checkIn()).rejects.toMatchObject({
      code: 'bad-answer',
      message: expect.stringMatching(/is longer than the \d+ bytes allowed$/),
    });
  });

  it('in a patch file is cut at the size declared', async () => {
    const { host, machine } = await machineOf(published('121.1'));
    const { sha256, size } = listed('121.1');
    host.overrides.set(patchPath(sha256), (_, response) => void response.end(Buffer.alloc(size + 1)));
    await expect(machine.fetch(listed('121.1'))).rejects.toMatchObject({ code: 'digest' });
  });
});

describe('slow retrieval', () => {
  it.each(['metadata/timestamp.json', 'metadata/2.snapshot.json'])('of %s ends in time', async (path) => {
    const { host, machine } = await machineOf(published('121.1'));
    host.overrides.set(path, (_, response) => {
      const drip = setInterval(() => response.write(' '), 50);
      response.on('close', () => clearInterval(drip));
    });
    await expect(machine.checkIn()).rejects.toMatchObject({ code: 'network' });
  });

  it('of a patch file ends in time', async () => {
    const { host, machine } = await machineOf(published('121.1'));
    host.overrides.set(patchPath(listed('121.1').sha256), (_, response) => void response.write('x'));
    await expect(machine.fetch(listed('121.1'))).rejects.toMatchObject({ code: 'network' });
  });
});

describe('mix and match', () => {
  const mixed = {
    code: 'bad-answer',
    message: expect.stringMatching(/^the catalogue was refused: its files do not belong together/),
  };

  it('an old snapshot under a new name is refused by name', async () => {
    const made = published('121.1');
    const { machine } = await machineOf(made);
    publishPatches(made, indexOf([listed('122.1')]));
    made.files.set('metadata/3.snapshot.json', made.files.get('metadata/2.snapshot.json') as Buffer);
    await expect(machine.checkIn()).rejects.toMatchObject(mixed);
  });

  it('an old bin under a new name is refused by name', async () => {
    const made = published('121.1');
    const { machine } = await machineOf(made);
    publishPatches(made, indexOf([listed('122.1')]));
    made.files.set(`metadata/3.${BIN}.json`, made.files.get(`metadata/2.${BIN}.json`) as Buffer);
    await expect(machine.checkIn()).rejects.toMatchObject(mixed);
  });

  it('one bin in the place of another is refused', async () => {
    const made = published('121.1');
    const { machine } = await machineOf(made);
    publishPatches(made, indexOf([listed('99.1')], { kernel: '5.15.0-1' }));
    const other = binOf(indexPath('5.15.0-1', 'amd64'));
    made.files.set(`metadata/2.${BIN}.json`, made.files.get(`metadata/2.${other}.json`) as Buffer);
    // A genuine bin, and all that it says of our kernel is nothing.
    expect(await machine.checkIn()).toMatchObject({ support: 'unsupported', candidates: [] });
  });
});

describe('key compromise', () => {
  it('below the threshold is worth nothing', async () => {
    const made = makeCatalogue({ targets: [3, 2] });
    publishPatches(made, indexOf([listed('121.1')]));
    const { machine } = await machineOf(made);
    const [stolen] = made.keys.targets as [CatalogueKey];
    forge(made, `metadata/2.${BIN}.json`, MetadataKind.Targets, [stolen], () => {});
    await expect(machine.checkIn()).rejects.toMatchObject({
      message: expect.stringContaining(`${BIN}.json is not signed by enough of the keys`),
    });
  });

  it('of the root below the threshold gives no new root', async () => {
    const made = makeCatalogue({ root: [3, 2] });
    const { machine } = await machineOf(made);
    made.files.set('metadata/2.root.json', made.root);
    const thief = generateKey().made;
    forge(
      made,
      'metadata/2.root.json',
      MetadataKind.Root,
      [thief, made.keys.root[0] as CatalogueKey],
      (signed) => {
        signed.version = 2;
        (signed.keys as Record<string, unknown>)[thief.key.keyID] = thief.key.toJSON();
        (signed.roles as Record<string, unknown>).root = { keyids: [thief.key.keyID], threshold: 1 };
      },
    );
    await expect(machine.checkIn()).rejects.toMatchObject({
      message:
        'the catalogue was refused: root.json is not signed by enough of the keys that it has to be signed with',
    });
  });

  it('of snapshot and timestamp offers no patch of its own', async () => {
    const made = published('121.1');
    const { machine } = await machineOf(made);
    const targets = { [PATH]: new TargetFile({ path: PATH, length: 1, hashes: { sha256: 'a'.repeat(64) } }) };
    const [stolen] = made.keys.snapshot as [CatalogueKey];
    put(
      made,
      `metadata/2.${BIN}.json`,
      new Targets({ specVersion: SPEC, version: 2, expires: FAR, targets }),
      stolen,
    );
    await expect(machine.checkIn()).rejects.toMatchObject({ code: 'bad-answer' });
  });
});

describe('fast-forward', () => {
  it.each(['timestamp', 'snapshot'] as const)(
    'with the key of %s is over when it was rotated',
    async (role) => {
      const made = published('121.1');
      const { host, machine } = await machineOf(made);
      host.files = made.copy();
      const theirs = { ...made, files: host.files };
      const highest = 2 ** 31;
      if (role === 'snapshot') {
        const { meta } = JSON.parse((made.files.get('metadata/2.snapshot.json') as Buffer).toString()).signed;
        const old = Object.entries(meta as Record<string, { version: number }>);
        const all = Object.fromEntries(old.map(([name, { version }]) => [name, new MetaFile({ version })]));
        const snapshot = new Snapshot({ specVersion: SPEC, version: highest, expires: FAR, meta: all });
        put(theirs, `metadata/${highest}.snapshot.json`, snapshot, made.keys.snapshot[0] as CatalogueKey);
      }
      const snapshotMeta = new MetaFile({ version: role === 'snapshot' ? highest : 2 });
      const timestamp = new Timestamp({ specVersion: SPEC, version: highest, expires: FAR, snapshotMeta });
      put(theirs, 'metadata/timestamp.json', timestamp, made.keys.timestamp[0] as CatalogueKey);
      await machine.checkIn();

      host.files = made.files;
      await expect(machine.checkIn()).rejects.toMatchObject({ code: 'bad-answer' });
      made.change((repository) => {
        repository.rotate(role, [generateKey().made]);
        // Who could sign the one could sign that the other is so high.
        if (role === 'snapshot') repository.rotate('timestamp', [generateKey().made]);
      });
      expect(versionsIn(await machine.checkIn())).toEqual(['121.1']);
    },
  );
});

describe('a malicious mirror', () => {
  it.each([
    ['holds the snapshot back', 'metadata/2.snapshot.json', /is not complete/],
    ['holds a bin back', `metadata/2.${BIN}.json`, /is not complete/],
    ['holds the timestamp back', 'metadata/timestamp.json', /^there is no catalogue at/],
  ])('that %s is named', async (_, path, message) => {
    const made = published('121.1');
    const { machine } = await machineOf(made);
    made.files.delete(path);
    await expect(machine.checkIn()).rejects.toMatchObject({
      code: 'bad-answer',
      message: expect.stringMatching(message),
    });
  });

  it.each([
    '<html>',
    '[]',
    'null',
    '{"signed":{}}',
    '{"signed":{"_type":"timestamp"},"signatures":[]}',
    '\u{feff}{}',
    '',
  ])('that answers %j is refused', async (text) => {
    const made = published('121.1');
    const { machine } = await machineOf(made);
    made.files.set('metadata/timestamp.json', Buffer.from(text));
    await expect(machine.checkIn()).rejects.toMatchObject({ code: 'bad-answer' });
  });

  it('that packs what nobody asked to be packed is refused', async () => {
    const made = published('121.1');
    const { host, machine } = await machineOf(made);
    host.overrides.set('metadata/timestamp.json', (_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('bomb');
    });
    await expect(machine.checkIn()).rejects.toMatchObject({
      message: expect.stringContaining('came compressed'),
    });
  });

  it('that redirects is not followed, and where to is said', async () => {
    const made = published('121.1');
    const { host, machine } = await machineOf(made);
    host.overrides.set('metadata/timestamp.json', (_, response) => {
      response.writeHead(302, { location: 'http://elsewhere.example/?secret' }).end();
    });
    await expect(machine.checkIn()).rejects.toMatchObject({
      message: expect.stringMatching(/redirects to "http:\/\/elsewhere.example\/"$/),
    });
  });

  it('that says 304 for ever is found out when the timestamp expires', async () => {
    const made = published('121.1');
    const { host, machine } = await machineOf(made);
    await machine.checkIn();
    host.overrides.set('metadata/timestamp.json', (_, response) => void response.writeHead(304).end());
    inDays(8);
    await expect(machine.checkIn()).rejects.toMatchObject({ code: 'expired' });
  });
});

describe('a machine that was asleep for a year', () => {
  it('follows the roots one by one, each signed by the keys of the one before', async () => {
    const made = published('121.1');
    const { host, machine } = await machineOf(made);
    await machine.checkIn();
    let keys = made.keys;
    for (const role of ['timestamp', 'root', 'targets', 'snapshot', 'root'] as const) {
      const rotated = [generateKey().made];
      const repository = made.open(Object.values(keys).flat());
      repository.rotate(role, rotated);
      repository.publish();
      keys = { ...keys, [role]: rotated };
    }
    const repository = made.open(Object.values(keys).flat());
    repository.putIndex(indexOf([listed('122.1')]));
    repository.publish();
    host.served.length = 0;
    expect(versionsIn(await machine.checkIn())).toEqual(['122.1']);
    const roots = host.served.filter(({ path }) => path.endsWith('.root.json'));
    expect(roots.map(({ path, status }) => [path, status])).toEqual([
      ['metadata/2.root.json', 200],
      ['metadata/3.root.json', 200],
      ['metadata/4.root.json', 200],
      ['metadata/5.root.json', 200],
      ['metadata/6.root.json', 200],
      ['metadata/7.root.json', 404],
    ]);
  });
});
