import { describe, expect, test } from 'vitest';
import { openPatch, type Target } from '../../src/patch/patch.ts';
import { parseCertificates, type Trust } from '../../src/patch/trust.ts';
import { append, assemble, goodParts } from './make/cms.ts';
import { makeModule } from './make/elf.ts';
import { expectRefusal } from './make/expect.ts';
import { MACHINE, METADATA, patchFile, signedModule } from './make/patch.ts';
import { makeSigner } from './make/pki.ts';
import { pieces } from './make/tar.ts';

const signer = makeSigner();
const anchors = parseCertificates(signer.der, 'signer.pem');
const module = signedModule(signer);

interface Given {
  file?: Uint8Array;
  machine?: Partial<Target>;
  trust?: Partial<Trust>;
}
const open = ({ file = patchFile(module), machine = {}, trust = {} }: Given = {}) =>
  openPatch(pieces(file), { ...MACHINE, ...machine }, { anchors, allowSha256: false, ...trust });

const changed = Buffer.from(module);
changed[changed.indexOf('no code')] = 0x4e;
const renamed = { ...METADATA, module: 'other', file: 'other.ko' };

describe('openPatch', () => {
  test('proves a patch and gives the module byte for byte', async () => {
    const patch = await open();
    const { schema: _, ...metadata } = METADATA;
    expect(patch.metadata).toEqual(metadata);
    expect(Buffer.from(patch.module)).toEqual(module);
    expect(patch.digest).toMatch(/^[0-9a-f]{128}$/);
    expect(patch.signer).toBe(anchors[0]);
  });

  test.each<[string, Given, Parameters<typeof expectRefusal>[1], RegExp]>([
    ['is no archive', { file: Buffer.from('hello') }, 'archive', /not compressed/],
    ['has broken metadata', { file: patchFile(module, {}) }, 'metadata', /schema/],
    [
      'is for another kernel',
      { machine: { kernel: '6.8.0-1048.51-aws' } },
      'kernel-mismatch',
      /for kernel 6\.8\.0-1047/,
    ],
    ['is for another architecture', { machine: { architecture: 'arm64' } }, 'kernel-mismatch', /for amd64/],
    [
      'names another file',
      { file: patchFile(module, METADATA, 'other.ko') },
      'metadata',
      /another module file/,
    ],
    ['is not signed', { file: patchFile(makeModule()) }, 'signature', /not signed/],
    ['is signed by somebody else', { trust: { anchors: [] } }, 'signature', /not trusted/],
    ['was changed after it was signed', { file: patchFile(changed) }, 'signature', /does not match/],
    [
      'is signed but no module',
      { file: patchFile(append(Buffer.from('text'), assemble(goodParts(Buffer.from('text'), signer)))) },
      'module',
      /not an ELF/,
    ],
    [
      'is signed but no live patch',
      {
        file: patchFile(
          signedModule(signer, { modinfo: [`name=${METADATA.module}`, 'vermagic=6.8.0-1047-aws'] }),
        ),
      },
      'module',
      /not marked as a live patch/,
    ],
    [
      'holds another signed module than it says',
      { file: patchFile(module, renamed, 'other.ko') },
      'module',
      /another name/,
    ],
    [
      'holds a signed module for another release',
      { file: patchFile(signedModule(signer, { release: '6.8.0-1048-aws' })) },
      'kernel-mismatch',
      /another kernel release/,
    ],
    [
      'holds a module whose release only begins alike',
      { file: patchFile(signedModule(signer, { release: '6.8.0-1047-aws-x' })) },
      'kernel-mismatch',
      /another kernel release/,
    ],
    [
      'holds a signed module for another architecture',
      { file: patchFile(signedModule(signer, { machine: 183 })) },
      'kernel-mismatch',
      /module is for arm64/,
    ],
    [
      'is signed with a revoked certificate',
      { trust: { revoked: { certificates: new Set([anchors[0]?.fingerprint ?? '']), modules: new Set() } } },
      'signature',
      /certificate that was revoked/,
    ],
  ])('refuses a patch that %s', async (_, given, code, message) => {
    await expectRefusal(() => open(given), code, message);
  });

  test('refuses a module that was revoked, however it is wrapped', async () => {
    const { digest } = await open();
    const revoked = { certificates: new Set<string>(), modules: new Set([digest]) };
    await expectRefusal(() => open({ trust: { revoked } }), 'signature', /module was revoked/);
  });
});
