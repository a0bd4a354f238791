import { describe, expect, it } from 'vitest';
import { setKernel } from '../../../src/publish/catalogue/entries.ts';
import { generateKey } from '../../../src/publish/catalogue/keys.ts';
import { Repository } from '../../../src/publish/catalogue/repository.ts';
import type { Tree } from '../../../src/publish/catalogue/tree.ts';
import { patchPath } from '../../../src/source/catalogue/layout.ts';
import { inMemory } from '../../../src/source/catalogue/metadata-store.ts';
import {
  indexOf,
  KERNEL,
  LIFETIMES,
  listed,
  makeCatalogue,
  memoryTree,
  patchBytes,
  publishPatches,
  type TestCatalogue,
} from '../../catalogue/make.ts';
import { staticHost } from '../../catalogue/static-host.ts';
import { machineAt, machineOf, versionsIn } from '../../source/catalogue/scene.ts';

/** Dies at one of its writes: before it, or with it done. */
function dyingAt(tree: Tree, write: number, isDone: boolean): Tree {
  let left = write;
  const dying =
    <A extends unknown[]>(act: (...words: A) => void) =>
    (...words: A) => {
      left -= 1;
      if (left === 0 && isDone) act(...words);
      if (left <= 0) throw new Error('killed');
      act(...words);
    };
  return { ...tree, create: dying(tree.create), replace: dying(tree.replace) };
}

const CVES = Buffer.from(JSON.stringify({ timestamp: '2026-11-01T00:00:00Z', kernelPackageFixes: [] }));

/** Each change that publishing knows, and what a machine is told after it. */
const CHANGES: [string, (repository: Repository) => void, string[]][] = [
  [
    'add',
    (repository) => {
      repository.putFile(patchPath(listed('122.1').sha256), patchBytes('122.1'));
      repository.putIndex(indexOf([listed('122.1'), listed('121.1')]));
    },
    ['122.1', '121.1'],
  ],
  [
    'withdraw',
    (repository) =>
      repository.putIndex(indexOf([], { withdrawn: [{ version: '121.1', digest: 'a'.repeat(128) }] })),
    [],
  ],
  ['phase', (repository) => repository.putIndex(indexOf([listed('121.1', { phase: 10 })])), ['121.1']],
  [
    'kernel',
    (repository) => void setKernel(repository, KERNEL, 'amd64', { support: 'supported', cves: CVES }),
    ['121.1'],
  ],
  ['revoke', (repository) => repository.revokeKeys(['b'.repeat(64)]), ['121.1']],
  ['renew', (repository) => repository.touch('targets'), ['121.1']],
  ['renew --root', (repository) => repository.touch('root'), ['121.1']],
];

function publisher(
  made: Pick<TestCatalogue, 'keys'>,
  tree: Tree,
  more = Object.values(made.keys).flat(),
): Repository {
  return Repository.open(tree, new Map(more.map((one) => [one.key.keyID, one])), new Date());
}

describe('a publisher that is killed', () => {
  it.each(CHANGES)(
    'at any write of %s leaves what was, and the next run publishes all of it',
    async (_, change, after) => {
      const began = makeCatalogue();
      publishPatches(began, indexOf([listed('121.1')]));
      for (let write = 1, done = false; !done; write += 1) {
        for (const isDone of [false, true]) {
          const made = { ...began, files: began.copy() };
          const tree = memoryTree(made.files);
          const { machine } = await machineOf(made);
          const repository = publisher(made, dyingAt(tree, write, isDone));
          try {
            change(repository);
            repository.publish();
            done = true;
          } catch (error) {
            expect(error).toMatchObject({ message: 'killed' });
          }
          const seen = versionsIn(await machine.checkIn());
          expect([['121.1'], after]).toContainEqual(seen);
          const again = publisher(made, tree);
          change(again);
          again.publish();
          expect(versionsIn(await machine.checkIn())).toEqual(after);
        }
      }
    },
  );

  it.each(['root', 'snapshot', 'timestamp'] as const)(
    'at any write of new keys of %s leaves what the next run can go on with',
    async (role) => {
      const began = makeCatalogue();
      publishPatches(began, indexOf([listed('121.1')]));
      const fresh = [generateKey().made];
      for (let write = 1, done = false; !done; write += 1) {
        const made = { ...began, files: began.copy() };
        const { machine } = await machineOf(made);
        await machine.checkIn();
        const dying = publisher(made, dyingAt(memoryTree(made.files), write, true));
        try {
          dying.rotate(role, fresh);
          dying.publish();
          done = true;
        } catch (error) {
          expect(error).toMatchObject({ message: 'killed' });
        }
        expect(versionsIn(await machine.checkIn())).toEqual(['121.1']);
        const again = publisher(made, memoryTree(made.files), [...Object.values(made.keys).flat(), ...fresh]);
        again.rotate(role, fresh);
        again.publish();
        expect(versionsIn(await machine.checkIn())).toEqual(['121.1']);
      }
    },
  );

  it('at some write of the first of all is begun again, or finished', async () => {
    const { keys: roles } = makeCatalogue();
    const begin = (tree: Tree, keys = roles) => {
      const all = Object.entries(keys).map(([role, keys]) => [role, { keys, threshold: 1 }]);
      Repository.begin(tree, Object.fromEntries(all), LIFETIMES, new Date()).publish();
    };
    // Each write of the 256 bins is like the others.
    for (const write of [1, 2, 100, 257, 258, 259, 260]) {
      const files = new Map<string, Buffer>();
      try {
        begin(dyingAt(memoryTree(files), write, true));
      } catch (error) {
        expect(error).toMatchObject({ message: 'killed' });
      }
      const { keys } = makeCatalogue();
      if (files.has('metadata/1.root.json')) publisher({ keys: roles }, memoryTree(files)).publish();
      else begin(memoryTree(files), keys);
      const root = files.get('metadata/1.root.json') as Buffer;
      const { url } = await staticHost(files);
      expect(await machineAt(url, root).checkIn()).toMatchObject({ support: 'unsupported' });
    }
  });

  it('at some write of a change of keys leaves what the next run can go on with', async () => {
    const began = makeCatalogue();
    publishPatches(began, indexOf([listed('121.1')]));
    const fresh = [generateKey().made];
    // Each write of the 256 bins is like the others.
    for (const write of [1, 2, 100, 257, 258, 259, 260]) {
      const made = { ...began, files: began.copy() };
      const tree = memoryTree(made.files);
      const dying = publisher(made, dyingAt(tree, write, true));
      expect(() => {
        dying.rotate('targets', fresh);
        dying.publish();
      }).toThrow('killed');
      const all = [...Object.values(made.keys).flat(), ...fresh];
      const again = publisher(made, tree, all);
      again.rotate('targets', fresh);
      again.publish();
      const { machine } = await machineOf(made);
      expect(versionsIn(await machine.checkIn())).toEqual(['121.1']);
    }
  }, 30_000);
});

describe('a machine that is killed', () => {
  it('at any write of a check goes on at the next', async () => {
    const made = makeCatalogue();
    publishPatches(made, indexOf([listed('121.1')]));
    const { host, machine: first } = await machineOf(made);
    await first.checkIn();
    const kept = [
      'root.json',
      'root.pinned',
      'timestamp.json',
      'timestamp.etag',
      'snapshot.json',
      'targets.json',
    ];
    const begun = kept.map((file): [string, Buffer] => [file, first.store.read(file) as Buffer]);
    made.change((repository) => repository.touch('root'));
    publishPatches(made, indexOf([listed('122.1')]));
    for (let write = 1, done = false; !done; write += 1) {
      for (const isDone of [false, true]) {
        const store = inMemory(begun);
        let left = write;
        const dying = {
          read: store.read,
          write(file: string, bytes: Uint8Array) {
            left -= 1;
            if (left === 0 && isDone) store.write(file, bytes);
            if (left <= 0) throw new Error('killed');
            store.write(file, bytes);
          },
        };
        try {
          await machineAt(host.url, made.root, dying).checkIn();
          done = true;
        } catch (error) {
          expect(error).toMatchObject({ message: 'killed' });
        }
        const advice = await machineAt(host.url, made.root, store).checkIn();
        expect(versionsIn(advice)).toEqual(['122.1']);
      }
    }
  });
});

describe('a reader in the middle of publishing', () => {
  it('finds the old state whole, although new files are there already', async () => {
    const made = makeCatalogue();
    publishPatches(made, indexOf([listed('121.1')]));
    const { host, machine } = await machineOf(made);
    const timestamp = made.files.get('metadata/timestamp.json') as Buffer;
    publishPatches(made, indexOf([listed('122.1')]));
    host.files = made.copy().set('metadata/timestamp.json', timestamp);
    expect(versionsIn(await machine.checkIn())).toEqual(['121.1']);
  });
});
