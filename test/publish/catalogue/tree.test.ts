import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diskTree } from '../../../src/publish/catalogue/tree.ts';
import { temporaryDirectory } from '../../temporary.ts';

describe('the files of a catalogue on disk', () => {
  it('may be as large as a patch file may be, and anybody may read them', () => {
    const directory = temporaryDirectory();
    const tree = diskTree(directory);
    const large = Buffer.alloc(8 * 1024 * 1024, 'x');
    tree.create('patches/a', large);
    expect(tree.read('patches/a')?.equals(large)).toBe(true);
    expect(statSync(join(directory, 'patches/a')).mode & 0o777).toBe(0o644);
  });

  it('never change under a name that readers were shown', () => {
    const tree = diskTree(temporaryDirectory());
    tree.create('metadata/2.targets.json', Buffer.from('a'));
    tree.create('metadata/2.targets.json', Buffer.from('a'));
    expect(() => tree.create('metadata/2.targets.json', Buffer.from('b'))).toThrow(
      expect.objectContaining({ code: 'busy' }),
    );
    expect(tree.read('metadata/2.targets.json')?.toString()).toBe('a');
  });

  it('are listed by path, whatever else is beside them', () => {
    const directory = temporaryDirectory();
    const tree = diskTree(directory);
    tree.create('metadata/1.root.json', Buffer.from('a'));
    mkdirSync(join(directory, 'metadata/sub'));
    tree.create('metadata/sub/b', Buffer.from('b'));
    expect(
      tree
        .list('metadata')
        .map(({ path }) => path)
        .sort(),
    ).toEqual(['metadata/1.root.json', 'metadata/sub/b']);
    expect(tree.list('nowhere')).toEqual([]);
    tree.remove('metadata/sub/b');
    expect(readdirSync(join(directory, 'metadata/sub'))).toEqual([]);
  });

  it('are changed by one publisher at a time', () => {
    const directory = temporaryDirectory();
    using _lock = diskTree(directory).lock();
    expect(() => diskTree(join(directory, 'nowhere')).lock()).toThrow(/there is no catalogue in/);
  });
});
