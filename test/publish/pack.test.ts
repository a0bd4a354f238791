import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { unpackTar } from 'modern-tar';
import { describe, expect, test } from 'vitest';
import { openPatch } from '../../src/patch/patch.ts';
import { parseCertificates } from '../../src/patch/trust.ts';
import type { Label } from '../../src/publish/draft.ts';
import { pack } from '../../src/publish/pack.ts';
import { readSigningKey } from '../../src/publish/signing-key.ts';
import { append } from '../patch/make/cms.ts';
import { MODULE_NAME, type ModuleParts, makeModule, RELEASE } from '../patch/make/elf.ts';
import { expectRefusal } from '../patch/make/expect.ts';
import { signedModule } from '../patch/make/patch.ts';
import { keptSigner, opensslSign, opensslVerdicts, type Signer } from '../patch/make/pki.ts';
import { pieces } from '../patch/make/tar.ts';

const signer = keptSigner({ subject: '/O=Test/CN=Publisher' });
const stranger = keptSigner({ subject: '/O=Test/CN=Stranger' });
const LABEL: Label = {
  version: '121.1',
  kernel: undefined,
  cumulative: true,
  releasedAt: '2026-01-01T00:00:00Z',
  fixes: ['CVE-2026-0001', 'CVE-2026-0002'],
};
const signingKey = (of: Signer) =>
  readSigningKey(Buffer.from(of.keyPem), undefined, parseCertificates(of.der, 'cert.pem'));
const packed = (module: Uint8Array, label: Partial<Label> = {}, resign = false, by = signer) =>
  pack(module, { ...LABEL, ...label }, signingKey(by), resign);
const machine = (kernel: string = RELEASE) => ({ kernel, release: RELEASE, architecture: 'amd64' as const });
const trust = (of: Signer) => ({ anchors: parseCertificates(of.der, 'cert.pem'), allowSha256: false });

async function filesOf(archive: Uint8Array): Promise<Record<string, Buffer>> {
  const entries = await unpackTar(gunzipSync(archive));
  return Object.fromEntries(entries.map(({ header, data }) => [header.name, Buffer.from(data ?? [])]));
}

// The first time, keys have to be found.
describe('pack', { timeout: 60_000 }, () => {
  test('makes a patch file that a client with this certificate accepts', async () => {
    const { archive, fileName, metadata, sha256 } = await packed(makeModule());
    expect(fileName).toBe(`livepatch-${RELEASE}-121.1-amd64.tar.gz`);
    expect(sha256).toBe(createHash('sha256').update(archive).digest('hex'));
    const proven = await openPatch(pieces(archive), machine(), trust(signer));
    expect(proven.metadata).toEqual(metadata);
    expect(metadata).toEqual({
      kernel: RELEASE,
      architecture: 'amd64',
      version: '121.1',
      module: MODULE_NAME,
      digest: createHash('sha512').update(makeModule()).digest('hex'),
      vermagic: `${RELEASE} SMP preempt mod_unload modversions `,
      cumulative: true,
      releasedAt: '2026-01-01T00:00:00Z',
      fixes: ['CVE-2026-0001', 'CVE-2026-0002'].map((name) => ({
        ...{ name, description: '', bug: '', patched: true },
      })),
    });
  });

  test('holds one directory, and signatures that openssl and sign-file would have made', async () => {
    const files = await filesOf((await packed(makeModule())).archive);
    const directory = `livepatch-${RELEASE}-121.1-amd64`;
    expect(Object.keys(files)).toEqual([
      `${directory}/`,
      `${directory}/metadata.json`,
      `${directory}/metadata.json.p7s`,
      `${directory}/${MODULE_NAME}.ko`,
    ]);
    const document = files[`${directory}/metadata.json`] ?? Buffer.alloc(0);
    const signature = files[`${directory}/metadata.json.p7s`] ?? Buffer.alloc(0);
    expect(signature).toEqual(opensslSign(document, signer));
    expect(files[`${directory}/${MODULE_NAME}.ko`]).toEqual(signedModule(signer));
    const other = Buffer.concat([document, Buffer.from(' ')]);
    expect(opensslVerdicts(document, [signature], [signer])).toEqual([true]);
    expect(opensslVerdicts(document, [signature], [stranger])).toEqual([false]);
    expect(opensslVerdicts(other, [signature], [signer])).toEqual([false]);
  });

  test.each<[string, Parameters<typeof keptSigner>[0]]>([
    ['3072 bits', { newkey: 'rsa:3072', subject: '/CN=3072' }],
    ['4096 bits', { newkey: 'rsa:4096', subject: '/CN=4096' }],
    ['a serial number whose first bit is set', { subject: '/CN=S', extra: ['-set_serial', '0xf00dfeed'] }],
    ['a long name', { subject: `/O=${'o'.repeat(60)}/OU=${'u'.repeat(60)}/CN=${'c'.repeat(60)}` }],
  ])('signs with a key of %s as openssl does', async (_, options) => {
    const by = keptSigner(options);
    const { archive } = await packed(makeModule(), {}, false, by);
    const files = await filesOf(archive);
    const [, document, signature] = Object.values(files);
    expect(signature).toEqual(opensslSign(document ?? Buffer.alloc(0), by));
    expect(opensslVerdicts(document ?? Buffer.alloc(0), [signature ?? Buffer.alloc(0)], [by])).toEqual([
      true,
    ]);
  });

  test('gives the same bytes for the same input, whenever it is packed', async () => {
    const [one, two] = [await packed(makeModule()), await packed(makeModule())];
    expect(Buffer.from(one.archive)).toEqual(Buffer.from(two.archive));
    const times = (await unpackTar(gunzipSync(one.archive))).map(({ header }) => header.mtime?.toISOString());
    expect(new Set(times)).toEqual(new Set(['2026-01-01T00:00:00.000Z']));
    expect(Buffer.from(one.archive.subarray(4, 8))).toEqual(Buffer.alloc(4));
  });

  test.each([
    ['1960-01-01T00:00:00Z', '1970-01-01T00:00:00.000Z'],
    ['9999-01-01T00:00:00Z', '2242-03-16T12:56:31.000Z'],
    ['2026-01-01T02:00:00+02:00', '2026-01-01T00:00:00.000Z'],
  ])('writes %s as a time that every tar reads', async (releasedAt, expected) => {
    const [entry] = await unpackTar(gunzipSync((await packed(makeModule(), { releasedAt })).archive));
    expect(entry?.header.mtime?.toISOString()).toBe(expected);
  });

  test('takes the kernel as clients name it, and patches that are stacked', async () => {
    const { archive, fileName } = await packed(makeModule(), {
      kernel: '6.8.0-1047.50-aws',
      cumulative: false,
    });
    expect(fileName).toBe('livepatch-6.8.0-1047.50-aws-121.1-amd64.tar.gz');
    const { metadata } = await openPatch(pieces(archive), machine('6.8.0-1047.50-aws'), trust(signer));
    expect(metadata).toMatchObject({ cumulative: false, kernel: '6.8.0-1047.50-aws' });
  });

  test('takes kernels and modules with the longest names, and what real releases are named', async () => {
    for (const release of ['6.12.95+deb12-amd64', '7.0.0-1013.13~24.04.1-aws', `6${'x'.repeat(63)}`]) {
      const parts: ModuleParts = { release, name: 'm'.repeat(55) };
      const { archive } = await packed(makeModule(parts));
      const on = { kernel: release, release, architecture: 'amd64' as const };
      expect((await openPatch(pieces(archive), on, trust(signer))).metadata.kernel).toBe(release);
    }
  });

  test.each([
    ['arm64', { machine: 183 }],
    ['s390x', { machine: 22, bigEndian: true }],
    ['amd64', { notes: 0 }],
    ['amd64', { notes: 3, alignment: 3 }],
  ] as const)('reads what it is for from the module: %s, %j', async (architecture, parts) => {
    const { metadata, archive } = await packed(makeModule(parts));
    expect(metadata.architecture).toBe(architecture);
    await openPatch(pieces(archive), { ...machine(), architecture }, trust(signer));
  });
});

describe('a module that is signed already', () => {
  test('keeps a good signature by this key, byte for byte', async () => {
    const byKeyId = append(makeModule(), opensslSign(makeModule(), signer, '-keyid'));
    const files = Object.values(await filesOf((await packed(byKeyId)).archive));
    expect(files.at(-1)).toEqual(byKeyId);
  });

  test('is refused when somebody else signed it, or not as clients want it, unless it is to be signed anew', async () => {
    const sha256 = append(makeModule(), opensslSign(makeModule(), signer, '-md', 'sha256'));
    const flipped = Buffer.from(signedModule(signer));
    flipped[70] = (flipped[70] ?? 0) ^ 1;
    const rows: [Buffer, RegExp][] = [
      [
        signedModule(stranger),
        /^the module has a signature already: the module is signed by a key that is not/,
      ],
      [sha256, /signed with RSA and SHA-256, which the policy does not allow/],
      [flipped, /the signature does not match: the module was changed/],
    ];
    for (const [module, message] of rows) await expectRefusal(() => packed(module), 'signature', message);
    for (const module of [signedModule(stranger), sha256]) {
      const files = Object.values(await filesOf((await packed(module, {}, true)).archive));
      expect(files.at(-1)).toEqual(signedModule(signer));
    }
  });
});

describe('pack refuses what a client would refuse, in the same words', () => {
  const strings = (...modinfo: string[]) => makeModule({ modinfo });
  test.each<[string, Uint8Array, Partial<Label>, Parameters<typeof expectRefusal>[1], RegExp]>([
    ['text', Buffer.from('hello'), {}, 'module', /^the module cannot be used: it is not an ELF file$/],
    [
      'a module that is no live patch',
      strings(`name=${MODULE_NAME}`, `vermagic=${RELEASE} `),
      {},
      'module',
      /^the module is not marked as a live patch$/,
    ],
    [
      'a module without vermagic',
      strings(`name=${MODULE_NAME}`, 'livepatch=Y'),
      {},
      'module',
      /lacks name or vermagic/,
    ],
    ['a module with two names', makeModule({ ownName: 'other' }), {}, 'module', /two different names/],
    [
      'version 121',
      makeModule(),
      { version: '121' },
      'metadata',
      /^metadata\.json: version: not a patch ver/,
    ],
    ['version 121.1.0', makeModule(), { version: '121.1.0' }, 'metadata', /version: not a patch version/],
    ['version 0121.1', makeModule(), { version: '0121.1' }, 'metadata', /version: not a patch version/],
    ['a kernel with a slash', makeModule(), { kernel: '../6' }, 'metadata', /kernel: not a kernel version/],
    ['a release time that is none', makeModule(), { releasedAt: 'today' }, 'metadata', /releasedAt: /],
    ['a fix with an escape sequence', makeModule(), { fixes: ['\x1b[2J'] }, 'metadata', /fixes\.0\.name: /],
    ['1,001 fixes', makeModule(), { fixes: Array<string>(1001).fill('CVE') }, 'metadata', /fixes: /],
  ])('%s', async (_, module, label, code, message) => {
    await expectRefusal(() => packed(module, label), code, message);
  });

  test('a key of a length that kernels do not take', async () => {
    const odd = keptSigner({ newkey: 'rsa:2056', subject: '/CN=Odd' });
    await expectRefusal(
      () => packed(makeModule(), {}, false, odd),
      'signature',
      /2056 bits, a length that the/,
    );
  });
});
