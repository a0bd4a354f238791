import { describe, expect, test } from 'vitest';
import { formatMetadata } from '../../src/patch/metadata.ts';
import { openPatch, type Target } from '../../src/patch/patch.ts';
import { parseCertificates, type Trust } from '../../src/patch/trust.ts';
import type { Metadata } from '../../src/types.ts';
import { append, assemble, goodParts } from './make/cms.ts';
import { type ModuleParts, makeModule, RELEASE } from './make/elf.ts';
import { expectRefusal } from './make/expect.ts';
import { MACHINE, METADATA, metadataOf, packFiles, patchFile, signedModule } from './make/patch.ts';
import { expired, makeSigner, opensslSign } from './make/pki.ts';
import { pieces } from './make/tar.ts';

const signer = makeSigner();
const anchors = parseCertificates(signer.der, 'signer.pem');
const module = signedModule(signer);
const other = makeSigner({ subject: '/CN=Other' });
const otherAnchors = parseCertificates(other.der, 'other.pem');

interface Given {
  file?: Uint8Array;
  machine?: Partial<Target>;
  trust?: Partial<Trust>;
}
const open = ({ file = patchFile(signer, module), machine = {}, trust = {} }: Given = {}) =>
  openPatch(pieces(file), { ...MACHINE, ...machine }, { anchors, allowSha256: false, ...trust });

const flipped = (bytes: Buffer, text: string) => {
  const changed = Buffer.from(bytes);
  const at = changed.indexOf(text);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
};
const changed = flipped(module, 'no code');
const document = Buffer.from(JSON.stringify(METADATA));
const signature = opensslSign(document, signer);
/** A patch file around this module, with metadata that names its digest. */
const around = (parts: ModuleParts, changes: Partial<Metadata> = {}) =>
  patchFile(signer, signedModule(signer, parts), { schema: 2, ...metadataOf(parts, changes) });
const relabelled = (changes: Partial<Metadata>) =>
  packFiles(module, { schema: 2, ...metadataOf({}, changes) }, signature);

describe('openPatch', () => {
  test('proves a patch and gives the module byte for byte', async () => {
    const patch = await open();
    expect(patch.metadata).toEqual(metadataOf());
    expect(Buffer.from(patch.module)).toEqual(module);
    expect(patch.buildId).toMatch(/^[0-9a-f]{72}$/);
    expect(patch.signer).toBe(anchors[0]);
  });

  test('takes any file name that the builders of modules choose', async () => {
    for (const file of ['livepatch-my-fix.ko', 'kpatch-4.2+x~1.ko', 'a.ko']) {
      await open({ file: packFiles(module, document, signature, file) });
    }
  });

  test('takes metadata and a module that different trusted keys have signed', async () => {
    const file = packFiles(module, document, opensslSign(document, other));
    await open({ file, trust: { anchors: [...anchors, ...otherAnchors] } });
  });

  test.each<[string, Given, Parameters<typeof expectRefusal>[1], RegExp]>([
    ['is no archive', { file: Buffer.from('hello') }, 'archive', /not compressed/],
    ['has signed metadata that is broken', { file: patchFile(signer, module, {}) }, 'metadata', /schema/],
    [
      'has signed metadata of the format before',
      { file: patchFile(signer, module, { ...METADATA, schema: 1 }) },
      'metadata',
      /^metadata\.json: schema: expected 2$/,
    ],
    [
      'has metadata without a signature',
      { file: packFiles(module, METADATA) },
      'signature',
      /^the metadata is not signed: the patch file holds no metadata\.json\.p7s$/,
    ],
    [
      'has an empty signature of its metadata',
      { file: packFiles(module, METADATA, Buffer.alloc(0)) },
      'signature',
      /^metadata\.json\.p7s: the PKCS#7 message is missing/,
    ],
    [
      'has metadata signed by somebody else',
      { file: packFiles(module, document, opensslSign(document, other)) },
      'signature',
      /^metadata\.json\.p7s: metadata\.json is signed by a key that is not trusted here$/,
    ],
    [
      "has its module's signature in place of its metadata's",
      { file: packFiles(module, document, opensslSign(makeModule(), signer)) },
      'signature',
      /metadata\.json was changed, or signed by another key/,
    ],
    [
      'has metadata with a byte more than was signed',
      { file: packFiles(module, Buffer.concat([document, Buffer.from('\n')]), signature) },
      'signature',
      /metadata\.json was changed/,
    ],
    [
      'has metadata and module signed with SHA-256',
      { file: packFiles(module, document, opensslSign(document, signer, '-md', 'sha256')) },
      'signature',
      /metadata\.json is signed with RSA and SHA-256, which the policy does not allow/,
    ],
    [
      'is for another kernel',
      { machine: { kernel: '6.8.0-1048.51-aws' } },
      'kernel-mismatch',
      /6\.8\.0-1047/,
    ],
    ['is for another architecture', { machine: { architecture: 'arm64' } }, 'kernel-mismatch', /for amd64/],
    [
      'holds a module without a signature',
      { file: patchFile(signer, makeModule()) },
      'signature',
      /module is not signed/,
    ],
    ['is signed by nobody who is trusted', { trust: { anchors: [] } }, 'signature', /not trusted/],
    [
      'holds a module signed by somebody else',
      { file: patchFile(signer, signedModule(other)) },
      'signature',
      /^the module is signed by a key that is not trusted/,
    ],
    [
      'was changed after it was signed',
      { file: patchFile(signer, changed) },
      'signature',
      /the module was changed/,
    ],
    [
      'is signed but no module',
      {
        file: patchFile(
          signer,
          append(Buffer.from('text'), assemble(goodParts(Buffer.from('text'), signer))),
        ),
      },
      'module',
      /not an ELF/,
    ],
    [
      'is signed but no live patch',
      { file: around({ modinfo: [`name=${METADATA.module}`, 'vermagic=6.8.0-1047-aws'] }) },
      'module',
      /not marked as a live patch/,
    ],
    [
      'holds a signed module for another release',
      { file: around({ release: '6.8.0-1048-aws' }) },
      'kernel-mismatch',
      /another kernel release/,
    ],
    [
      'holds a module whose release only begins alike',
      { file: around({ release: '6.8.0-1047-aws-x' }) },
      'kernel-mismatch',
      /another kernel release/,
    ],
  ])('refuses a patch that %s', async (_, given, code, message) => {
    await expectRefusal(() => open(given), code, message);
  });

  test.each<Partial<Metadata>>([
    { version: '999999.1' },
    { version: '121.5' },
    { kernel: '6.8.0-1048.51-aws' },
    { architecture: 'arm64' },
    { module: 'other' },
    { digest: 'a'.repeat(128) },
    { vermagic: '6.8.0-1048-aws SMP preempt mod_unload modversions ' },
    { cumulative: false },
    { releasedAt: '2020-01-01T00:00:00Z' },
    { fixes: [] },
  ])('refuses a genuine patch whose metadata somebody changed to %j', async (change) => {
    await expectRefusal(
      () => open({ file: relabelled(change) }),
      'signature',
      /^metadata\.json\.p7s: the signature does not match: metadata\.json was changed/,
    );
  });

  // Each part is signed, for another patch: what a server without a key can put together.
  test.each<[keyof Metadata, Uint8Array]>([
    ['digest', patchFile(signer, signedModule(signer, { filler: Buffer.from('other code') }))],
    ['module', patchFile(signer, signedModule(signer, { name: 'other' }))],
    ['architecture', patchFile(signer, signedModule(signer, { machine: 183 }))],
    ['vermagic', patchFile(signer, signedModule(signer, { release: '6.8.0-1048-aws' }))],
    ['module', around({}, { module: 'other' })],
    ['architecture', around({}, { architecture: 'arm64' })],
    ['vermagic', around({}, { vermagic: `${RELEASE} SMP preempt mod_unload modversions` })],
    ['digest', around({}, { digest: 'a'.repeat(128) })],
  ])('refuses metadata of one patch with the module of another, naming %s', async (field, file) => {
    await expectRefusal(
      () => open({ file }),
      'metadata',
      new RegExp(`^metadata\\.json: ${field}: does not agree with the module$`),
    );
  });

  test('refuses a module or metadata signed with a revoked key, by whichever certificate', async () => {
    const both = [...anchors, ...otherAnchors];
    const revoked = (of: typeof anchors) => ({
      anchors: both,
      revoked: { keys: new Set(of.map(({ keyId }) => keyId)), modules: new Set<string>() },
    });
    const file = packFiles(signedModule(other), document, signature);
    const word = (what: string) => new RegExp(`${what} is signed with a key that was revoked$`);
    await expectRefusal(() => open({ file, trust: revoked(anchors) }), 'signature', word('metadata\\.json'));
    await expectRefusal(() => open({ file, trust: revoked(otherAnchors) }), 'signature', word('the module'));
    await open({ file, trust: revoked([]) });
    await open({ file: patchFile(signer, module), trust: revoked(otherAnchors) });

    // The same key under another certificate, which is pinned, too.
    const renewed = parseCertificates(expired(signer).der, 'renewed.pem');
    const trust = { ...revoked(anchors), anchors: renewed };
    await expectRefusal(() => open({ trust }), 'signature', /key that was revoked/);
  });

  test('refuses a module that was withdrawn, however it is wrapped', async () => {
    const { digest } = (await open()).metadata;
    const revoked = { keys: new Set<string>(), modules: new Set([digest]) };
    const trust = { anchors: [...anchors, ...otherAnchors], revoked };
    const again = Buffer.from(formatMetadata(metadataOf({}, { version: '122.1' })));
    for (const file of [
      patchFile(signer, module),
      // Under another version, signed by another key, and under another name.
      packFiles(module, again, opensslSign(again, signer)),
      packFiles(signedModule(other), document, opensslSign(document, other)),
      packFiles(module, document, signature, 'other.ko'),
    ]) {
      await expectRefusal(() => open({ file, trust }), 'signature', /module was withdrawn/);
    }
    await open({ file: around({ filler: Buffer.from('other code') }), trust });
  });
});

describe('formatMetadata', () => {
  test('writes what is read back as it was, whatever the order of its keys', async () => {
    const metadata = metadataOf();
    const text = Buffer.from(formatMetadata(metadata));
    expect((await open({ file: patchFile(signer, module, text) })).metadata).toEqual(metadata);
    const reversed = Object.fromEntries(Object.entries(metadata).reverse()) as unknown as Metadata;
    expect(Buffer.from(formatMetadata(reversed))).toEqual(text);
  });
});
