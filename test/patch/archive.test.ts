import { describe, expect, test } from 'vitest';
import { readArchive } from '../../src/patch/archive.ts';
import { expectRefusal } from './make/expect.ts';
import { type Entry, pieces, targz } from './make/tar.ts';

const directory: Entry = { name: 'livepatch-6.8-121.4-amd64/', type: '5' };
const inside = (name: string, body = 'body'): Entry => ({ name: `${directory.name}${name}`, body });
const metadata = inside('metadata.json', '{}');
const module = inside('lkp_test.ko', 'module');
/** A module with a name that leaves no room for its directory beside it. */
const long = (letters: number): Entry => ({
  name: `${'m'.repeat(letters)}.ko`,
  prefix: directory.name.slice(0, -1),
  body: 'module',
});
const read = (...entries: Entry[]) => readArchive(pieces(targz(...entries)));

describe('readArchive', () => {
  test.each([
    ['in the usual order', [directory, metadata, module]],
    ['the module first', [directory, module, metadata]],
    ['without an entry for the directory', [metadata, module]],
    ['with the directory last', [metadata, module, directory]],
  ])('reads a patch file %s', async (_, entries) => {
    const files = await read(...entries);
    expect(Buffer.from(files.metadata).toString()).toBe('{}');
    expect(Buffer.from(files.module).toString()).toBe('module');
    expect(files.metadataSignature).toBeUndefined();
  });

  test("reads the metadata's signature, and modules of any safe name", async () => {
    const signature = inside('metadata.json.p7s', 'signature');
    const names = ['lkp_test.ko', 'livepatch-my-fix.ko', '4.2+a~b.ko'];
    for (const file of [...names.map((name) => inside(name, 'module')), long(96)]) {
      const files = await read(directory, metadata, signature, file);
      expect(Buffer.from(files.metadataSignature ?? []).toString()).toBe('signature');
      expect(Buffer.from(files.module).toString()).toBe('module');
    }
  });

  test('takes metadata of 1 MiB', async () => {
    const { metadata } = await read(inside('metadata.json', ' '.repeat(2 ** 20)), module);
    expect(metadata).toHaveLength(2 ** 20);
  });

  test.each<[string, Entry[], RegExp]>([
    ['nothing in it', [], /no metadata\.json/],
    ['no metadata', [directory, module], /no metadata\.json/],
    ['no module', [directory, metadata], /no module/],
    ['two modules', [metadata, module, inside('other.ko')], /two modules/],
    ['a module twice', [metadata, module, module], /occurs twice/],
    ['metadata twice', [metadata, metadata, module], /occurs twice/],
    ['its directory twice', [directory, directory], /occurs twice/],
    ['another file', [metadata, module, inside('install.sh')], /does not belong there/],
    [
      'metadata as a directory',
      [{ ...metadata, type: '5', body: '', name: `${metadata.name}/` }, module],
      /more than one directory/,
    ],
    ['a module whose name looks like an option', [metadata, inside('-b.ko')], /does not belong there/],
    ['a module with a strange name', [metadata, inside('a;b.ko')], /does not belong there/],
    [
      'its signature twice',
      [metadata, inside('metadata.json.p7s'), inside('metadata.json.p7s')],
      /occurs twice/,
    ],
    [
      'a signature of 64 KiB',
      [metadata, inside('metadata.json.p7s', ' '.repeat(2 ** 16))],
      /larger than 8192 bytes/,
    ],
    ['a hidden module', [metadata, inside('.ko')], /does not belong there/],
    ['a module with a name that is too long', [metadata, long(97)], /does not belong there/],
    [
      'a second directory',
      [metadata, { name: 'livepatch-other/', type: '5' }],
      /unknown directory|twice|two directories/,
    ],
    ['a file in a second directory', [metadata, { name: 'livepatch-other/lkp_test.ko' }], /two directories/],
    ['a directory within', [metadata, inside('sub/lkp_test.ko')], /more than one directory/],
    ['a file beside its directory', [metadata, { name: 'lkp_test.ko' }], /unknown directory/],
    ['a file named as its directory', [{ name: 'livepatch-6.8' }], /more than one directory/],
    ['an unknown directory', [{ name: 'patch/', type: '5' }], /unknown directory/],
    [
      'a directory whose name only ends as one',
      [{ name: 'my-livepatch-1/', type: '5' }],
      /unknown directory/,
    ],
    [
      'a directory whose name only begins as one',
      [{ name: 'livepatch-1,2/', type: '5' }],
      /unknown directory/,
    ],
    ['names from the current directory', [{ name: './livepatch-1/metadata.json' }], /unknown directory/],
    ['an absolute name', [{ name: '/livepatch-1/lkp_test.ko' }], /absolute/],
    ['a name that climbs', [{ name: 'livepatch-1/../../etc/cron.d/x.ko' }], /leads out/],
    ['a name that climbs at once', [{ name: '../livepatch-1/x.ko' }], /leads out/],
    ['a directory named ..', [{ name: '..', type: '5' }], /leads out/],
    ['a name with a newline', [{ name: 'livepatch-1/\nx.ko' }], /characters/],
    ['a name with a space', [{ name: 'livepatch-1/x y.ko' }], /characters/],
    ['a name that is not ASCII', [{ name: 'livepatch-1/\xe9.ko' }], /characters/],
    ['an empty name', [{ name: '' }], /characters/],
    ['a double slash', [{ name: 'livepatch-1//x.ko' }], /more than one directory/],
    ['a double slash after its directory', [{ name: 'livepatch-1//', type: '5' }], /more than one directory/],
    ['metadata of 2 MiB', [{ ...metadata, size: '00010000000' }], /larger than 1048576 bytes/],
    ['a module of 1 GiB', [{ ...module, size: '10000000000' }], /larger than 805306368 bytes/],
  ])('refuses a patch file with %s', async (_, entries, message) => {
    await expectRefusal(() => read(...entries), 'archive', message);
  });
});
