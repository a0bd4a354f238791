import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readTar } from '../../src/patch/tar.ts';
import { expectRefusal, isAccepted } from './make/expect.ts';
import { END, type Entry, entry, pieces, tar } from './make/tar.ts';

/** What the archive holds: name, type, body. */
async function read(bytes: Uint8Array, size?: number): Promise<[string, string, string][]> {
  const found: [string, string, Buffer][] = [];
  await readTar(pieces(bytes, size), ({ name, type, size }) => {
    const body = Buffer.alloc(size);
    found.push([name, type, body]);
    return body;
  });
  return found.map(([name, type, body]) => [name, type, body.toString('latin1')]);
}

/** A directory with a file in it, packed by a real tar. */
function packed(...command: string[]): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'livepatch-tar-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  mkdirSync(join(directory, 'livepatch-1'));
  writeFileSync(join(directory, 'livepatch-1', 'a.ko'), 'module');
  const [program = '', ...flags] = command;
  return execFileSync(program, flags, { cwd: directory, maxBuffer: 2 ** 24 });
}
const PYTHON =
  "import sys, tarfile; t = tarfile.open(fileobj=sys.stdout.buffer, mode='w|', format=getattr(tarfile, sys.argv[1])); t.add('livepatch-1'); t.close()";
const pax = (records: string, type = 'x'): Entry => ({ name: 'pax', type, body: records });
const file: Entry = { name: 'd/f', body: 'body' };

describe('readTar', () => {
  test.each([
    ['GNU tar, ustar', ['tar', '-c', '--format=ustar', 'livepatch-1']],
    ['GNU tar, gnu', ['tar', '-c', '--format=gnu', 'livepatch-1']],
    ['GNU tar, posix', ['tar', '-c', '--format=posix', 'livepatch-1']],
    ['Python, ustar', ['python3', '-c', PYTHON, 'USTAR_FORMAT']],
    ['Python, gnu', ['python3', '-c', PYTHON, 'GNU_FORMAT']],
    ['Python, pax', ['python3', '-c', PYTHON, 'PAX_FORMAT']],
  ])('reads an archive made by %s', async (_, command) => {
    const found = (await read(packed(...command))).map(([name, ...rest]) => [
      name.replace(/\/$/, ''),
      ...rest,
    ]);
    expect(found).toEqual([
      ['livepatch-1', 'directory', ''],
      ['livepatch-1/a.ko', 'file', 'module'],
    ]);
  });

  test.each([1, 511, 512, 513, 4096])('reads it in pieces of %d', async (size) => {
    const bytes = tar({ name: 'd/', type: '5' }, file, { name: 'd/g', body: 'x'.repeat(1025), type: '\0' });
    expect(await read(bytes, size)).toEqual([
      ['d/', 'directory', ''],
      ['d/f', 'file', 'body'],
      ['d/g', 'file', 'x'.repeat(1025)],
    ]);
  });

  test('puts the prefix before the name, in the format that has one', async () => {
    expect(await read(tar({ ...file, prefix: 'p' }))).toEqual([['p/d/f', 'file', 'body']]);
    expect(await read(tar({ ...file, prefix: 'p', magic: 'ustar  \0' }))).toEqual([['d/f', 'file', 'body']]);
  });

  test('skips pax headers that change nothing that counts', async () => {
    expect(await read(tar(pax('20 mtime=1761998400\n'), file))).toEqual([['d/f', 'file', 'body']]);
    expect(await read(tar(pax('17 comment=hello\n', 'g'), file))).toHaveLength(1);
    expect(await read(tar(pax('5 a=\n15 xpath=a/b/c\n15 pathx=a/b/c\n'), file))).toHaveLength(1);
    expect(await read(tar(pax(`4096 comment=${'x'.repeat(4082)}\n`), file))).toHaveLength(1);
  });

  test.each([
    ['a GNU long name', tar({ name: '././@LongLink', type: 'L', body: 'd/long' })],
    ['a pax header that changes the path', tar(pax('14 path=a/b/c\n'))],
  ])('says what helps against %s', async (_, bytes) => {
    await expect(read(bytes)).rejects.toMatchObject({ hint: expect.stringContaining('--format=ustar') });
  });

  test('lets the source go when it refuses', async () => {
    let released = false;
    async function* endless() {
      try {
        for (;;) yield Buffer.alloc(512, 'x');
      } finally {
        released = true;
      }
    }
    await expectRefusal(() => readTar(endless(), () => new Uint8Array()), 'archive', /number in it/);
    expect(released).toBe(true);
  });

  test('reads a source that cannot be let go', async () => {
    const source = pieces(END);
    const plain = { [Symbol.asyncIterator]: () => ({ next: () => source.next() }) };
    await expect(readTar(plain, () => new Uint8Array())).resolves.toBeUndefined();
  });

  test('refuses what comes after its end in another piece', async () => {
    const more = Buffer.concat([tar(file), Buffer.alloc(512), Buffer.alloc(512, 'x')]);
    await expectRefusal(() => read(more, 512), 'archive', /after its end/);
  });

  test.each<[string, Buffer, RegExp]>([
    ['nothing', Buffer.alloc(0), /cut short/],
    ['text', Buffer.alloc(1024, 'text'), /number in it|checksum/],
    ['half a header', tar(file).subarray(0, 300), /cut short/],
    ['half a body', tar(file).subarray(0, 514), /cut short/],
    ['no end', entry(file), /cut short/],
    ['half an end', Buffer.concat([entry(file), END.subarray(0, 512)]), /cut short/],
    ['an entry after half an end', Buffer.concat([END.subarray(0, 512), tar(file)]), /block of its end/],
    [
      'something after its end',
      Buffer.concat([tar(file), Buffer.alloc(512), Buffer.from('x')]),
      /after its end/,
    ],
    ['an archive after its end', Buffer.concat([tar(file), tar(file)]), /after its end/],
    ['something after a body', Buffer.concat([tar(file)]).fill('x', 600, 601), /hidden after a body/],
    ['a hard link', tar({ ...file, type: '1', linkname: '/etc/passwd' }), /a link/],
    ['a symbolic link', tar({ ...file, type: '2', linkname: '/etc/passwd' }), /a link/],
    ['a character device', tar({ ...file, type: '3' }), /a device/],
    ['a block device', tar({ ...file, type: '4' }), /a device/],
    ['a fifo', tar({ ...file, type: '6' }), /a device/],
    ['a contiguous file', tar({ ...file, type: '7' }), /unknown type/],
    ['a sparse file', tar({ ...file, type: 'S' }), /unknown type/],
    ['a GNU long name', tar({ name: '././@LongLink', type: 'L', body: 'd/long' }, file), /too long/],
    ['a GNU long link', tar({ name: '././@LongLink', type: 'K', body: 'd/long' }, file), /too long/],
    ['a directory with a body', tar({ name: 'd/', type: '5', body: 'x' }), /directory in it has a body/],
    ['a wrong checksum', tar({ ...file, checksum: 1 }), /wrong checksum/],
    ['a size that is no number', tar({ name: 'd/f', size: '0000000000x' }), /number in it/],
    ['an empty size', tar({ ...file, size: '' }), /number in it/],
    ['a size below zero', tar({ ...file, size: '-0000000004' }), /number in it/],
    [
      'a size in base 256',
      tar({ ...file, size: Buffer.from('800000000000000000000004', 'hex') }),
      /number in it/,
    ],
    ['a size below zero in base 256', tar({ ...file, size: Buffer.alloc(12, 0xff) }), /number in it/],
    ['an archive of before ustar', tar({ ...file, magic: '' }), /unknown format/],
    ['a pax header that changes the path', tar(pax('14 path=a/b/c\n'), file), /changes path/],
    ['a global pax header that changes the path', tar(pax('14 path=a/b/c\n', 'g'), file), /changes path/],
    ['a pax header that changes the size', tar(pax('10 size=1\n'), file), /changes size/],
    ['a pax header that changes a link', tar(pax('14 linkpath=a\n'), file), /changes linkpath/],
    [
      'a pax header that changes how names are read',
      tar(pax('18 hdrcharset=BIN\n'), file),
      /changes hdrchar/,
    ],
    [
      'a pax header for a sparse file',
      tar(pax('22 GNU.sparse.major=1\n'), file),
      /changes GNU\.sparse\.major/,
    ],
    ['a pax header behind a harmless one', tar(pax('10 aaaa=b\n14 path=a/b/c\n'), file), /changes path/],
    ['a pax header with a wrong length', tar(pax('99 mtime=1\n'), file), /cannot be read/],
    ['a pax header with a short length', tar(pax('5 mtime=1\n'), file), /cannot be read/],
    ['a pax header without a length', tar(pax('mtime=1\n'), file), /cannot be read/],
    ['a pax header with something before its length', tar(pax('x11 aaaa=b\n'), file), /cannot be read/],
    ['a pax header that says one byte less', tar(pax('10 mtime=1\n'), file), /cannot be read/],
    ['a pax header that says one byte more', tar(pax('12 mtime=1\n'), file), /cannot be read/],
    ['a pax header without a newline', tar(pax('10 mtime=1'), file), /cannot be read/],
    ['a pax header of 5 KiB', tar(pax('x'.repeat(5000)), file), /pax header in it is too large/],
    [
      'a pax header of 8 GiB',
      tar({ ...pax(''), size: '77777777777' }, file),
      /pax header in it is too large/,
    ],
    ['eleven entries', tar(...Array<Entry>(11).fill(file)), /too many entries/],
  ])('refuses %s', async (_, bytes, message) => {
    await expectRefusal(() => read(bytes), 'archive', message);
  });

  test('asks before it reads a body', async () => {
    const huge = Buffer.concat([entry({ ...file, size: '77777777777' })]);
    const asked: number[] = [];
    await expect(
      readTar(pieces(huge), ({ size }) => {
        asked.push(size);
        throw new Error('too much');
      }),
    ).rejects.toThrow('too much');
    expect(asked).toEqual([8 ** 11 - 1]);
  });

  test('survives anything', async () => {
    const bytes = tar({ name: 'd/', type: '5' }, pax('20 mtime=1761998400\n'), file);
    const change = fc.record({ at: fc.nat(bytes.length - 1), byte: fc.nat(255) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 4 }), fc.nat(bytes.length), async (changes, length) => {
        const changed = Buffer.from(bytes);
        for (const { at, byte } of changes) changed[at] = byte;
        const small = (bytes: Uint8Array) =>
          readTar(pieces(bytes), ({ size }) => new Uint8Array(Math.min(size, 4096)));
        await isAccepted(() => small(changed), 'archive');
        await isAccepted(() => small(changed.subarray(0, length)), 'archive');
      }),
      { numRuns: 300 },
    );
  });
});
