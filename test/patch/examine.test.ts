import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { examineModule, examinePatch, kindOf } from '../../src/patch/examine.ts';
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

describe('kindOf', () => {
  test.each<[string, Uint8Array, ReturnType<typeof kindOf>]>([
    ['an ELF file', module, 'module'],
    ['the magic of ELF alone', Buffer.from('\x7fELF'), 'module'],
    ['gzip', gzipSync(''), 'patch'],
    ['the magic of bzip2', Buffer.from('BZh'), 'patch'],
    ['the magic of xz', Buffer.from('fd377a585a00', 'hex'), 'patch'],
    ['the magic of zstd', Buffer.from('28b52ffd', 'hex'), 'patch'],
    ['half the magic of xz', Buffer.from('fd377a', 'hex'), undefined],
    ['text', Buffer.from('hello'), undefined],
    ['nothing', Buffer.alloc(0), undefined],
  ])('tells by %s', (_, head, kind) => {
    expect(kindOf(head)).toBe(kind);
  });
});

describe('examineModule', () => {
  test('tells all of a module that is accepted', async () => {
    expect(await examineModule(module, trust)).toStrictEqual({
      kind: 'module',
      file: module,
      signature: 'good',
      signed: { content, digest: expect.stringMatching(/^[0-9a-f]{128}$/), signer: trust.anchors[0] },
      module: claims,
    });
  });

  test('tells what a module that is refused claims to be', async () => {
    expect(await examineModule(module, nobody)).toStrictEqual({
      kind: 'module',
      file: module,
      signature: 'untrusted',
      module: claims,
      refusal: refusal('signature', /not trusted/),
    });
  });

  test('claims nothing for a file that cannot be read as a module', async () => {
    const file = Buffer.from('\x7fELF');
    expect(await examineModule(file, trust)).toStrictEqual({
      kind: 'module',
      file,
      signature: 'unsigned',
      refusal: refusal('signature', /not signed/),
    });
  });
});

describe('examinePatch', () => {
  const { schema: _, ...metadata } = METADATA;

  test('tells all of a patch file that is accepted, whatever kernel it is for', async () => {
    const { file, files, signed, ...found } = await examinePatch(pieces(patchFile(signer, module)), trust);
    expect(found).toStrictEqual({ kind: 'patch', metadata, signature: 'good', module: claims });
    expect(Buffer.from(file ?? [])).toEqual(module);
    expect(signed).toEqual((await examineModule(new Uint8Array(module), trust)).signed);
  });

  test('tells what the module of a patch file that is refused claims to be', async () => {
    expect(await examinePatch(pieces(patchFile(signer, module)), nobody)).toMatchObject({
      kind: 'patch',
      metadata,
      signature: 'untrusted',
      module: claims,
      refusal: refusal('signature', /not trusted/),
    });
  });

  test('tells what metadata without a signature claims', async () => {
    expect(await examinePatch(pieces(packFiles(module, METADATA)), trust)).toMatchObject({
      kind: 'patch',
      metadata,
      signature: 'unsigned',
      module: claims,
      refusal: refusal('signature', /the metadata is not signed/),
    });
  });

  test('tells nothing of a file that is no archive', async () => {
    expect(await examinePatch(pieces(Buffer.from('hello')), trust)).toStrictEqual({
      kind: 'patch',
      refusal: refusal('archive', /not compressed/),
    });
  });

  test('passes on a failure of the source as it is', async () => {
    const failure = new Error('the disk went dead');
    // biome-ignore lint/correctness/useYield: it fails before it has anything to give.
    async function* dying(): AsyncGenerator<Uint8Array> {
      throw failure;
    }
    await expect(examinePatch(dying(), trust)).rejects.toBe(failure);
  });
});
