import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type Examination, type ExaminedFile, examine } from '../../src/patch/examine.ts';
import { readModule } from '../../src/patch/module.ts';
import { parseCertificates, type Trust } from '../../src/patch/trust.ts';
import { makeModule } from './make/elf.ts';
import { METADATA, packFiles, patchFile, signedModule } from './make/patch.ts';
import { makeSigner } from './make/pki.ts';
import { pieces } from './make/tar.ts';

const signer = makeSigner();
const trust: Trust = { anchors: parseCertificates(signer.der, 'signer.pem'), allowSha256: false };
const nobody: Trust = { anchors: [], allowSha256: false };
const content = makeModule();
const module = signedModule(signer);
const claims = readModule(content);
const refusal = (code: string, message: RegExp) =>
  expect.objectContaining({ name: 'LivepatchError', code, message: expect.stringMatching(message) });

const file = (bytes: Uint8Array): ExaminedFile => ({
  head: bytes.subarray(0, 16),
  bytes: () => bytes,
  chunks: () => pieces(bytes),
});
const examineBytes = (bytes: Uint8Array, by: Trust) => examine(file(bytes), by);

describe('examine tells by its first bytes what a file is', () => {
  test.each<[string, Uint8Array, Examination['kind'], RegExp | undefined]>([
    ['a module', module, 'module', undefined],
    ['a module compressed with gzip', gzipSync(module), 'module', undefined],
    ['a module compressed with zstd', zstdCompressSync(module), 'module', undefined],
    ['a patch file', patchFile(signer, module), 'patch', undefined],
    ['the magic of ELF alone', Buffer.from('\x7fELF'), 'module', /not signed/],
    ['an empty gzip file', gzipSync(''), 'patch', /cut short/],
    ['a broken gzip file', Buffer.from('1f8b00', 'hex'), undefined, /compression is broken/],
    ['xz', Buffer.from('fd377a585a00', 'hex'), undefined, /^it is compressed with xz: 'xz -dk' it first$/],
    ['bzip2', Buffer.from('BZh9'), undefined, /^it is compressed with bzip2: 'bzip2 -dk' it first$/],
    ['half the magic of xz', Buffer.from('fd377a', 'hex'), undefined, /neither a kernel module nor/],
    ['text', Buffer.from('hello'), undefined, /neither a kernel module nor a patch file/],
    ['nothing', Buffer.alloc(0), undefined, /neither/],
  ])('%s', async (_, bytes, kind, reason) => {
    const { kind: found, refusal } = await examineBytes(bytes, trust);
    expect(found).toBe(kind);
    if (reason === undefined) expect(refusal).toBeUndefined();
    else expect(refusal?.message).toMatch(reason);
  });

  test('a module that is compressed is proven, or refused, as it is when unpacked', async () => {
    for (const by of [trust, nobody]) {
      const { file: bytes, signed, ...plain } = await examineBytes(module, by);
      for (const packed of [gzipSync(module), zstdCompressSync(module)]) {
        const { file: unpacked, signed: signedToo, ...found } = await examineBytes(packed, by);
        expect(found).toStrictEqual(plain);
        expect(Buffer.from(unpacked ?? [])).toEqual(Buffer.from(bytes ?? []));
        expect(signedToo?.digest).toBe(signed?.digest);
      }
    }
  });
});

describe('examine of a module', () => {
  test('tells all of a module that is accepted', async () => {
    expect(await examineBytes(module, trust)).toStrictEqual({
      kind: 'module',
      file: module,
      signature: 'good',
      signed: { content, digest: expect.stringMatching(/^[0-9a-f]{128}$/), signer: trust.anchors[0] },
      module: claims,
    });
  });

  test('tells what a module that is refused claims to be', async () => {
    expect(await examineBytes(module, nobody)).toStrictEqual({
      kind: 'module',
      file: module,
      signature: 'untrusted',
      module: claims,
      refusal: refusal('signature', /not trusted/),
    });
  });

  test('claims nothing for a file that cannot be read as a module', async () => {
    const file = Buffer.from('\x7fELF');
    expect(await examineBytes(file, trust)).toStrictEqual({
      kind: 'module',
      file,
      signature: 'unsigned',
      refusal: refusal('signature', /not signed/),
    });
  });
});

describe('examine of a patch file', () => {
  const { schema: _, ...metadata } = METADATA;

  test('tells all of a patch file that is accepted, whatever kernel it is for', async () => {
    const { file, files, signed, ...found } = await examineBytes(patchFile(signer, module), trust);
    expect(found).toStrictEqual({ kind: 'patch', metadata, signature: 'good', module: claims });
    expect(Buffer.from(file ?? [])).toEqual(module);
    expect(signed).toEqual((await examineBytes(new Uint8Array(module), trust)).signed);
  });

  test('tells what the module of a patch file that is refused claims to be', async () => {
    expect(await examineBytes(patchFile(signer, module), nobody)).toMatchObject({
      kind: 'patch',
      metadata,
      signature: 'untrusted',
      module: claims,
      refusal: refusal('signature', /not trusted/),
    });
  });

  test('tells what metadata without a signature claims', async () => {
    expect(await examineBytes(packFiles(module, METADATA), trust)).toMatchObject({
      kind: 'patch',
      metadata,
      signature: 'unsigned',
      module: claims,
      refusal: refusal('signature', /the metadata is not signed/),
    });
  });

  test('passes on a failure of the source as it is', async () => {
    const failure = new Error('the disk went dead');
    // biome-ignore lint/correctness/useYield: it fails before it has anything to give.
    async function* dying(): AsyncGenerator<Uint8Array> {
      throw failure;
    }
    await expect(examine({ ...file(gzipSync('')), chunks: dying }, trust)).rejects.toBe(failure);
  });
});
