import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { openPatch } from '../../src/patch/patch.ts';
import { parseCertificates } from '../../src/patch/trust.ts';
import { debianKernel } from '../kernel/debian-kernel.ts';
import { MODULE_NAME, makeModule, RELEASE } from '../patch/make/elf.ts';
import { signedModule } from '../patch/make/patch.ts';
import { keptSigner } from '../patch/make/pki.ts';
import { pieces } from '../patch/make/tar.ts';
import { temporaryDirectory } from '../temporary.ts';

const signer = keptSigner({ subject: '/O=Test/CN=Publisher' });
const program = join(import.meta.dirname, 'run.ts');
const machine = { kernel: RELEASE, release: RELEASE, architecture: 'amd64' as const };
const anchors = parseCertificates(signer.der, 'cert.pem');
const proven = (archive: Uint8Array) => openPatch(pieces(archive), machine, { anchors, allowSha256: false });
const FILE = `livepatch-${RELEASE}-121.1-amd64.tar.gz`;
const WAY = ['--key', 'key.pem', '--certificate', 'cert.pem'];

/** A directory with a key, its certificate and a module whose file has the name that klp-build gives. */
function givenFiles() {
  const cwd = temporaryDirectory();
  writeFileSync(join(cwd, 'key.pem'), signer.keyPem, { mode: 0o600 });
  writeFileSync(join(cwd, 'cert.pem'), signer.pem);
  writeFileSync(join(cwd, 'livepatch-my-fix.ko'), makeModule());
  const run = (words: string[], input = '') =>
    execa(process.execPath, [program, ...words], { cwd, input, reject: false });
  return { cwd, run, read: (name: string) => readFileSync(join(cwd, name)) };
}

// Each run loads the sources anew: a second or more where others work, too.
describe('livepatch-publish pack', { timeout: 60_000 }, () => {
  test('writes a patch file and says what it did', async () => {
    const { cwd, run, read } = givenFiles();
    const words = [
      'pack',
      'livepatch-my-fix.ko',
      '--version',
      '121.1',
      '--fix',
      'CVE-2026-1',
      '--fix',
      'CVE-2026-2',
    ];
    const { exitCode, stdout, stderr } = await run([...words, ...WAY]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toContain(`patch file: ${FILE} (`);
    expect(stdout).toContain(`patch: 121.1 for ${RELEASE}, amd64\n`);
    expect(stdout).toContain('fixes: CVE-2026-1, CVE-2026-2\n');
    expect(stdout).toContain('cumulative: yes: it replaces every patch before it\n');
    expect((await proven(read(FILE))).metadata.module).toBe(MODULE_NAME);
    expect(readdirSync(cwd).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  test('prints one object with --json, and writes to --output', async () => {
    const { run, read } = givenFiles();
    const words = [
      'pack',
      'livepatch-my-fix.ko',
      '--version',
      '121.1',
      '--not-cumulative',
      '--output',
      'a.tar.gz',
    ];
    const { stdout } = await run([...words, '--released-at', '2026-01-01T00:00:00Z', '--json', ...WAY]);
    expect(JSON.parse(stdout)).toMatchObject({
      file: 'a.tar.gz',
      size: read('a.tar.gz').length,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      version: '121.1',
      cumulative: false,
      releasedAt: '2026-01-01T00:00:00Z',
      signer: { subject: 'O=Test, CN=Publisher', keyId: anchors[0]?.keyId },
    });
    await proven(read('a.tar.gz'));
  });

  test('reads the passphrase of a key from standard input, or a file, and never from its arguments', async () => {
    const { cwd, run, read } = givenFiles();
    const key = execFileSync('openssl', ['pkey', '-aes256', '-passout', 'pass:sesame'], {
      input: signer.keyPem,
    });
    writeFileSync(join(cwd, 'key.pem'), key);
    writeFileSync(join(cwd, 'passphrase'), 'sesame\n');
    const pack = ['pack', 'livepatch-my-fix.ko', '--version', '121.1', ...WAY];
    expect(await run([...pack, '--passphrase-stdin'], 'sesame\n')).toMatchObject({ exitCode: 0 });
    await proven(read(FILE));
    expect(await run([...pack, '--passphrase-file', 'passphrase'])).toMatchObject({ exitCode: 0 });
    const refused = await run([...pack, '--passphrase-stdin'], 'wrong horse\n');
    expect(refused).toMatchObject({
      exitCode: 78,
      stderr: expect.stringContaining('the passphrase is wrong'),
    });
    expect(refused.stderr + refused.stdout).not.toContain('wrong horse');
    expect(await run(pack)).toMatchObject({
      exitCode: 78,
      stderr: 'the key is encrypted\nGive its passphrase with --passphrase-file or --passphrase-stdin.',
    });
  });

  test.each([
    ['openssl', 0],
    ['sign-file', 1],
  ])('lets a key that is elsewhere sign, with the very commands it names: %s', async (_, which) => {
    const { cwd, run, read } = givenFiles();
    const draft = ['pack', 'livepatch-my-fix.ko', '--version', '121.1', '--unsigned-out', 'to sign'];
    const { stdout } = await run([...draft, '--json']);
    expect(read(`to sign/${MODULE_NAME}.ko`)).toEqual(makeModule());
    expect(existsSync(join(cwd, FILE))).toBe(false);
    for (const { commands } of JSON.parse(stdout).toSign) {
      const command = commands[which].replace('KEY', 'key.pem').replace('CERTIFICATE', 'cert.pem');
      const path = `${signFileDirectory()}:${process.env.PATH}`;
      execFileSync('sh', ['-c', command], { cwd, env: { ...process.env, PATH: path }, stdio: 'pipe' });
    }
    const result = await run(['pack', '--signatures', 'to sign', '--certificate', 'cert.pem']);
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(Buffer.from((await proven(read(FILE))).module)).toEqual(signedModule(signer));

    writeFileSync(join(cwd, 'to sign/metadata.json.p7s'), read(`to sign/${MODULE_NAME}.ko.p7s`));
    expect(await run(['pack', '--signatures', 'to sign', '--certificate', 'cert.pem'])).toMatchObject({
      exitCode: 65,
      stderr: expect.stringContaining('metadata.json was changed, or signed by another key'),
    });
  });

  test('takes what sign-file -p leaves, which also appends the signature to what it signs', async () => {
    const { cwd, run, read } = givenFiles();
    await run(['pack', 'livepatch-my-fix.ko', '--version', '121.1', '--unsigned-out', 'd']);
    for (const file of [`d/${MODULE_NAME}.ko`, 'd/metadata.json']) {
      const words = ['-p', 'sha512', 'key.pem', 'cert.pem', file];
      execFileSync(join(signFileDirectory(), 'sign-file'), words, { cwd });
    }
    expect(await run(['pack', '--signatures', 'd', '--certificate', 'cert.pem'])).toMatchObject({
      exitCode: 0,
    });
    await proven(read(FILE));
  });

  test('ends in a usage error, and says what is missing', async () => {
    const { run } = givenFiles();
    const module = 'livepatch-my-fix.ko';
    const rows: [string[], RegExp][] = [
      [['pack'], /^a module is missing\n/],
      [['pack', module], /^--version is missing\n/],
      [['pack', module, '--version', '1.1'], /^--certificate is missing\n/],
      [['pack', module, '--version', '1.1', '--certificate', 'cert.pem'], /^--key is missing\n/],
      [['pack', module, '--signatures', 'd'], /with --signatures, the module is the one in that directory/],
      [
        ['pack', module, '--signatures', 'd', '--version', '1.1'],
        /^The command line cannot be understood\nSee 'livepatch-publish pack --help'/,
      ],
    ];
    for (const [words, stderr] of rows) {
      expect(await run(words)).toMatchObject({
        exitCode: 64,
        stdout: '',
        stderr: expect.stringMatching(stderr),
      });
    }
  });

  test('writes nothing when it refuses', async () => {
    const { cwd, run } = givenFiles();
    const before = readdirSync(cwd);
    expect(await run(['pack', 'cert.pem', '--version', '121.1', ...WAY])).toMatchObject({ exitCode: 65 });
    const missing = await run(['pack', 'none.ko', '--version', '121.1', ...WAY]);
    expect(missing).toMatchObject({ exitCode: 74, stderr: expect.stringContaining('none.ko') });
    expect(readdirSync(cwd)).toEqual(before);
  });
});

/** Debian's own, of the kernel that the tests run on. */
function signFileDirectory(): string {
  return join(debianKernel().signFile, '..');
}
