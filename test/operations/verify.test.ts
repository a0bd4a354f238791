import { hash } from 'node:crypto';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../src/limits.ts';
import type { Context } from '../../src/operations/context.ts';
import { verify } from '../../src/operations/verify.ts';
import { parseCertificates } from '../../src/patch/trust.ts';
import type { Verification } from '../../src/report/verification.ts';
import { openStore } from '../../src/store/store.ts';
import type { Advice } from '../../src/types.ts';
import { fakeKernel } from '../fakes/kernel.ts';
import { append, assemble, goodParts } from '../patch/make/cms.ts';
import { MODULE_NAME, makeModule, RELEASE } from '../patch/make/elf.ts';
import { expectRefusal } from '../patch/make/expect.ts';
import { METADATA, patchFile, signedModule } from '../patch/make/patch.ts';
import { makeSigner, opensslSign } from '../patch/make/pki.ts';
import { temporaryDirectory } from '../temporary.ts';

const signer = makeSigner({ subject: '/CN=Live Patch Signing' });
const stranger = makeSigner({ subject: '/CN=Stranger' });
const module = signedModule(signer);
const changed = Buffer.from(module);
changed[changed.indexOf('no code')] = 0x4e;
const noLivePatch = signedModule(signer, { modinfo: [`name=${MODULE_NAME}`, `vermagic=${RELEASE} SMP`] });

/** A machine that was never enabled, and a directory for a person's files. */
function givenMachine() {
  const directory = temporaryDirectory();
  const common = join(directory, 'common');
  mkdirSync(common);
  const store = openStore({
    SNAP_NAME: 'canonical-livepatch',
    SNAP: directory,
    SNAP_COMMON: common,
    SNAP_DATA: join(directory, 'data'),
  });
  const warnings: string[] = [];
  const context: Context = {
    clientVersion: '1.2.3',
    kernel: fakeKernel(),
    store,
    connect: () => Promise.reject(new Error('verify talks to nobody')),
    now: () => new Date('2026-11-22T12:00:00Z'),
    sleep: () => Promise.reject(new Error('verify waits for nothing')),
    monotonic: () => 0,
    readInput: () => {
      throw new Error('verify reads no standard input');
    },
    progress: () => {},
    warn: (text) => void warnings.push(text),
    debug: () => {},
  };
  const file = (name: string, bytes: Uint8Array | string) => {
    const path = join(directory, name);
    writeFileSync(path, bytes);
    return path;
  };
  const run = async (
    paths: string[],
    options: { keys?: string | undefined; allowSha256?: boolean; withDigest?: boolean } = {
      keys: file('signer.pem', signer.pem),
    },
  ) => {
    const all: Verification[] = [];
    for await (const verification of verify(context, paths, {
      keys: undefined,
      allowSha256: false,
      withDigest: true,
      ...options,
    })) {
      all.push(verification);
    }
    return all;
  };
  return { directory, common, store, warnings, file, run };
}

describe('verify', () => {
  test('tells all of a patch file that is accepted', async () => {
    const { file, run } = givenMachine();
    const path = file('some.tar.gz', patchFile(signer, module));
    expect(await run([path])).toEqual([
      {
        file: path,
        kind: 'patch',
        signature: 'good',
        signer: {
          subject: 'CN=Live Patch Signing',
          fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
          'not-after': expect.stringMatching(/^20\d\d-.*Z$/),
          expired: false,
        },
        digest: expect.stringMatching(/^[0-9a-f]{128}$/),
        livepatch: true,
        module: MODULE_NAME,
        kernel: METADATA.kernel,
        version: '121.4',
        fixes: METADATA.fixes,
        verdict: 'accepted',
        reason: null,
      },
    ]);
  });

  test('tells the same of the module alone, by its content and not its name', async () => {
    const { file, run } = givenMachine();
    const [alone, packed] = await run([file('a.tar.gz', module), file('b.ko', patchFile(signer, module))]);
    expect(alone).toMatchObject({
      kind: 'module',
      verdict: 'accepted',
      kernel: RELEASE,
      version: null,
      fixes: [],
    });
    expect(packed).toMatchObject({ kind: 'patch', verdict: 'accepted' });
    expect(alone?.digest).toBe(packed?.digest);
    expect(alone?.signer).toEqual(packed?.signer);
  });

  test.each<[string, Uint8Array, Partial<Verification>, RegExp]>([
    ['an unsigned module', makeModule(), { signature: 'unsigned', livepatch: true }, /not signed/],
    [
      'a stranger’s module',
      signedModule(stranger),
      { signature: 'untrusted', kernel: RELEASE },
      /not trusted/,
    ],
    ['a module that was changed', changed, { signature: 'bad', module: MODULE_NAME }, /does not match/],
    ['a module cut short', module.subarray(0, 100), { signature: 'unsigned', module: null }, /not signed/],
    [
      'a module signed over SHA-256',
      append(makeModule(), opensslSign(makeModule(), signer, '-md', 'sha256')),
      { signature: 'bad' },
      /RSA and SHA-256, which the policy does not allow/,
    ],
    [
      'a well-signed module that is no live patch',
      noLivePatch,
      { signature: 'good', livepatch: false, signer: expect.anything() },
      /not marked as a live patch/,
    ],
    [
      'a well-signed ELF file that is no module',
      append(Buffer.from('\x7fELF'), assemble(goodParts(Buffer.from('\x7fELF'), signer))),
      { signature: 'good', livepatch: null, module: null },
      /not an ELF file/,
    ],
    [
      'a patch file with a changed module',
      patchFile(signer, changed),
      { kind: 'patch', signature: 'bad', version: '121.4', livepatch: true, digest: null, signer: null },
      /does not match/,
    ],
    [
      'a patch file that names another module',
      patchFile(signer, module, { ...METADATA, module: 'other' }),
      { kind: 'patch', signature: 'good' },
      /metadata\.json: module: does not agree with the module/,
    ],
    [
      'a patch file whose module is for another architecture',
      patchFile(signer, module, { ...METADATA, architecture: 'arm64' }),
      { kind: 'patch', signature: 'good' },
      /metadata\.json: architecture: does not agree with the module/,
    ],
    [
      'a patch file cut short',
      patchFile(signer, module).subarray(0, 200),
      { kind: 'patch', signature: null },
      /broken/,
    ],
    ['something else', Buffer.from('hello'), { kind: null, signature: null }, /neither a kernel module nor/],
    ['an empty file', Buffer.alloc(0), { kind: null }, /neither a kernel module nor/],
  ])('refuses %s', async (_, bytes, expected, reason) => {
    const { file, run } = givenMachine();
    const [verification] = await run([file('some', bytes)]);
    expect(verification).toMatchObject({
      verdict: 'refused',
      reason: expect.stringMatching(reason),
      ...expected,
    });
  });

  test('refuses what cannot be read, and goes on', async () => {
    const { directory, file, run } = givenMachine();
    const verdicts = await run([join(directory, 'missing'), directory, '/dev/null', file('good.ko', module)]);
    expect(verdicts.map(({ verdict, reason }) => [verdict, reason])).toEqual([
      ['refused', expect.stringMatching(/^cannot read .*missing: ENOENT/)],
      ['refused', expect.stringMatching(/not a regular file/)],
      ['refused', expect.stringMatching(/not a regular file/)],
      ['accepted', null],
    ]);
  });

  test('refuses a module that is too large, before it is read', async () => {
    const { file, run } = givenMachine();
    const path = file('large.ko', module);
    truncateSync(path, LIMITS.patch.moduleBytes + 1);
    expect(await run([path])).toMatchObject([{ reason: expect.stringMatching(/larger than \d+ bytes/) }]);
  });

  test('verifies compressed modules as modules, and names what it cannot unpack', async () => {
    const { file, run } = givenMachine();
    const paths = [
      file('a.ko.gz', gzipSync(module)),
      file('a.ko.zst', zstdCompressSync(module)),
      file('a.ko.xz', Buffer.from('fd377a585a000004e6d6b4460200', 'hex')),
    ];
    expect(await run(paths)).toMatchObject([
      { kind: 'module', module: MODULE_NAME, kernel: RELEASE, verdict: 'accepted' },
      { kind: 'module', module: MODULE_NAME, kernel: RELEASE, verdict: 'accepted' },
      { kind: null, verdict: 'refused', reason: "it is compressed with xz: 'xz -dk' it first" },
    ]);
  });

  test('accepts SHA-256 where that is asked for', async () => {
    const { file, run } = givenMachine();
    const content = makeModule();
    const paths = [content, signedModule(signer)].map((_, index) =>
      file(
        `${index}.ko`,
        append(content, opensslSign(content, signer, '-md', index === 0 ? 'sha256' : 'sha512')),
      ),
    );
    const [over256, over512] = await run(paths, { keys: file('c.pem', signer.pem), allowSha256: true });
    expect(over256).toMatchObject({ verdict: 'accepted', signature: 'good' });
    // The identity of the code does not depend on how it was signed.
    expect(over256?.digest).toBe(over512?.digest);
  });

  test('reads one file after another into the same memory, and says of each what is its own', async () => {
    const { file, run } = givenMachine();
    const contents = ['one', 'another, which is larger', 'two'].map((text) =>
      makeModule({ name: `lkp_${text.slice(0, 3)}`, filler: Buffer.from(text) }),
    );
    const paths = contents.map((content, index) =>
      file(`${index}.ko`, append(content, opensslSign(content, signer, '-md', 'sha256'))),
    );
    const options = { keys: file('c.pem', signer.pem), allowSha256: true };

    expect(await run(paths, options)).toMatchObject(
      contents.map((content, index) => ({
        file: paths[index],
        module: ['lkp_one', 'lkp_ano', 'lkp_two'][index],
        digest: hash('sha512', content),
        verdict: 'accepted',
      })),
    );
    // Nobody takes a second pass over the modules when nobody reads the digests.
    expect(await run(paths, { ...options, withDigest: false })).toMatchObject(
      paths.map(() => ({ digest: null, verdict: 'accepted' })),
    );
  });

  test('shows that a certificate has expired, and accepts', async () => {
    const { file, run } = givenMachine();
    // openssl makes no certificate of the past; its signature is nobody's to check, so the date can be written over.
    const der = Buffer.from(signer.der);
    der.write('260716234127Z', der.lastIndexOf(Buffer.from([0x17, 13])) + 2);
    const [verification] = await run([file('old.ko', module)], { keys: file('old.der', der) });
    expect(verification).toMatchObject({
      verdict: 'accepted',
      signer: { 'not-after': '2026-07-16T23:41:27.000Z', expired: true },
    });
  });
});

describe('the certificates to verify against', () => {
  test('are those in the file or directory that is named, in PEM or DER', async () => {
    const { directory, file, run } = givenMachine();
    const good = file('good.ko', module);
    const keys = join(directory, 'keys');
    mkdirSync(keys);
    writeFileSync(join(keys, 'a.pem'), stranger.pem);
    writeFileSync(join(keys, 'b.x509'), signer.der);
    writeFileSync(join(keys, 'README'), 'no certificate');
    const verdicts = [];
    for (const chosen of [keys, join(keys, 'b.x509'), join(keys, 'a.pem')]) {
      verdicts.push((await run([good], { keys: chosen }))[0]?.signature);
    }
    expect(verdicts).toEqual(['good', 'good', 'untrusted']);
  });

  test('are otherwise the pinned ones, shipped and configured', async () => {
    const { directory, store, file, run } = givenMachine();
    const files = [file('ours.ko', module), file('theirs.ko', signedModule(stranger))];
    mkdirSync(join(directory, 'keys'));
    writeFileSync(join(directory, 'keys/shipped.pem'), signer.pem);
    expect((await run(files, {})).map(({ signature }) => signature)).toEqual(['good', 'untrusted']);
    store.config.update({ 'signing-certs': stranger.pem });
    expect((await run(files, {})).map(({ signature }) => signature)).toEqual(['good', 'good']);
  });

  test('need no readable configuration when they are named', async () => {
    const { common, file, run } = givenMachine();
    // Root reads everything; what root cannot read either stands for what others cannot.
    mkdirSync(join(common, 'config'));
    const good = file('good.ko', module);
    expect(await run([good])).toMatchObject([{ verdict: 'accepted' }]);
    await expectRefusal(() => run([good], {}), 'config', /cannot verify against the pinned certificates: /);
  });

  test.each<[string, (directory: string) => void, 'trust-anchors' | 'storage', RegExp]>([
    ['do not exist', () => {}, 'storage', /keys: ENOENT/],
    ['are an empty directory', (keys) => mkdirSync(keys), 'trust-anchors', /no certificate in .*keys$/],
    ['are no certificate', (keys) => writeFileSync(keys, 'hello'), 'trust-anchors', /keys: it holds no cert/],
    [
      'are one good and one broken',
      (keys) => {
        mkdirSync(keys);
        writeFileSync(join(keys, 'a.pem'), signer.pem);
        writeFileSync(join(keys, 'b.der'), signer.der.subarray(0, 100));
      },
      'trust-anchors',
      /b\.der: /,
    ],
  ])('that %s end the run before the first file', async (_, prepare, code, message) => {
    const { directory, file, run } = givenMachine();
    const keys = join(directory, 'keys');
    prepare(keys);
    await expectRefusal(() => run([file('good.ko', module)], { keys }), code, message);
  });
});

describe('what was withdrawn or revoked, as this machine was last told', () => {
  /** A machine whose last check-in brought these lists. */
  function givenAdvice(lists: Partial<Advice>) {
    const machine = givenMachine();
    mkdirSync(join(machine.directory, 'data'));
    machine.store.state.write({
      ...{ warnings: [], applied: [], replaced: [], reverted: [], held: [] },
      advice: {
        ...{ kernel: METADATA.kernel, support: 'supported', tier: 'stable' },
        ...{ candidates: [], withdrawn: [], revokedKeys: [] },
        ...lists,
      },
    });
    return machine;
  }
  const keyId = parseCertificates(signer.der, 'signer.pem')[0]?.keyId ?? '';
  const { version, digest } = METADATA;
  const verdictsOf = async ({ file, run }: ReturnType<typeof givenMachine>) =>
    (await run([file('some.tar.gz', patchFile(signer, module)), file('some.ko', module)])).map(
      ({ verdict, reason }) => reason ?? verdict,
    );

  test.each<[string, Partial<Advice>, string[]]>([
    ['nothing', {}, ['accepted', 'accepted']],
    [
      'others',
      { withdrawn: [{ version, digest: '0'.repeat(128) }], revokedKeys: ['0'.repeat(64)] },
      ['accepted', 'accepted'],
    ],
    ['the patch', { withdrawn: [{ version, digest }] }, Array(2).fill('the module was withdrawn')],
    [
      'the key',
      { revokedKeys: [keyId] },
      [
        'metadata.json.p7s: metadata.json is signed with a key that was revoked',
        'the module is signed with a key that was revoked',
      ],
    ],
  ])('%s, decides', async (_, lists, verdicts) => {
    const machine = givenAdvice(lists);
    expect(await verdictsOf(machine)).toEqual(verdicts);
    expect(machine.warnings).toEqual([]);
  });

  test('keeps nothing from being verified when nobody told it, and one line says so', async () => {
    const machine = givenMachine();
    expect(await verdictsOf(machine)).toEqual(['accepted', 'accepted']);
    expect(machine.warnings).toEqual([
      'withdrawn patches and revoked keys are not known here: this machine has never checked in',
    ]);
  });

  test('nor when it cannot be read', async () => {
    const machine = givenAdvice({});
    writeFileSync(join(machine.directory, 'data/state.json'), 'no record');
    expect(await verdictsOf(machine)).toEqual(['accepted', 'accepted']);
    expect(machine.warnings).toEqual([
      expect.stringMatching(/^withdrawn patches and revoked keys are not known here: .*state\.json/),
    ]);
  });
});
