import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { catalogueMetadata } from '../../src/store/catalogue-metadata.ts';
import { temporaryDirectory } from '../temporary.ts';

describe('trusted metadata on disk', () => {
  it('is what was written, for root alone, and nothing beside it', () => {
    const directory = join(temporaryDirectory(), 'catalogue');
    const store = catalogueMetadata(directory);
    expect(store.read('root.json')).toBeUndefined();
    store.write('root.json', Buffer.from('{"a":"ä"}'));
    store.write('root.json', Buffer.from('{"b":"ä"}'));
    expect(store.read('root.json')?.toString()).toBe('{"b":"ä"}');
    expect(readdirSync(directory)).toEqual(['root.json']);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, 'root.json')).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['a link', (path: string) => symlinkSync('/etc/hostname', path)],
    ['a directory', (path: string) => mkdirSync(path)],
    ['too large', (path: string) => writeFileSync(path, Buffer.alloc(4 * 1024 * 1024 + 1))],
  ])('counts as none when it is %s', (_, make) => {
    const directory = temporaryDirectory();
    make(join(directory, 'root.json'));
    expect(catalogueMetadata(directory).read('root.json')).toBeUndefined();
  });

  it.each(['../x.json', 'a/b.json', 'x', '.', `${'x'.repeat(201)}.json`, 'x\0.json', 'ä.json'])(
    'has no file of the name %j',
    (name) => {
      const store = catalogueMetadata(temporaryDirectory());
      expect(() => store.write(name, Buffer.from('x'))).toThrow(/cannot be a file name/);
    },
  );

  it.each(['..%2Fdelegated.json', '%3F.json', 'kernels-0f.json', 'timestamp.etag', 'root.pinned'])(
    'keeps %s inside its directory',
    (name) => {
      const directory = temporaryDirectory();
      catalogueMetadata(directory).write(name, Buffer.from('x'));
      expect(readdirSync(directory)).toEqual([name]);
    },
  );
});
