import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mutantsOf } from '../patch/make/mutants.ts';
import { makeSigners, type Row, signatureTable, trustedCertificates } from '../patch/make/signatures.ts';
import { compileModule, signModule } from '../patches/build.ts';
import { debianKernel } from './debian-kernel.ts';
import { uefiVariables } from './uefi.ts';
import { bootVm, type Vm } from './vm.ts';

const kernel = debianKernel();
const signers = makeSigners();
let directory: string;
let vm: Vm;
let content: Buffer;
let rows: Row[];

/** What later kernels refuse that 6.1 takes or has in its keyring. We refuse it, whatever the kernel. */
const REFUSED_SINCE = { rows: ['MD5'], signers: ['Odd'] };
const { rows: stricter, signers: absent } = kernel.release.startsWith('6.1.')
  ? { rows: [], signers: [] }
  : REFUSED_SINCE;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'livepatch-enforcement-'));
  content = await smallModule();
  rows = signatureTable(content, signers);
  await writeFile(join(directory, 'variables'), await uefiVariables(trustedCertificates(signers)));
  await writeFile(join(directory, 'key'), signers.alice.keyPem);
  await writeFile(join(directory, 'certificate'), signers.alice.pem);
  await mkdir(join(directory, 'rows'));
  await Promise.all(rows.map(({ file }, row) => writeFile(join(directory, 'rows', `${row}.ko`), file)));
  vm = await bootVm({
    kernel,
    network: false,
    uefi: join(directory, 'variables'),
    commandLineExtra: 'module.sig_enforce=1',
  });
  // Debian builds SHA-512 as a module, which the kernel does not fetch by itself to verify another.
  await vm.run('modprobe sha512_generic');
});

afterAll(async () => {
  await vm?.kill();
  await rm(directory, { recursive: true });
});

/** A module of 5 KB: what it does is nothing, what it is signed with is the question. */
async function smallModule(): Promise<Buffer> {
  const source = join(import.meta.dirname, 'empty.c');
  const file = join(directory, 'empty.ko');
  await writeFile(file, await compileModule({ source, name: 'empty', kernel }));
  await execa`strip --strip-debug ${file}`;
  return readFile(file);
}

/** Signs a module with the kernel's own sign-file; gives the path of the file. */
async function signedFile(
  module: Uint8Array,
  name: string,
  options?: Parameters<typeof signModule>[3],
): Promise<string> {
  const file = join(directory, `${name}.ko`);
  const alice = { keyFile: join(directory, 'key'), certFile: join(directory, 'certificate') };
  await writeFile(file, await signModule(module, kernel, alice, options));
  return file;
}

/** Inserts each file and removes it again; gives what insmod said of each, empty when the kernel took it. */
async function insertEach(files: string[]): Promise<string[]> {
  // busybox has insmod and rmmod in itself, which is quicker than to start kmod's over the guest's file system.
  const script = `exec /run/busybox sh <<'END'
    for file in ${files.join(' ')}; do
      echo "$(insmod /host$file 2>&1 && rmmod empty 2>&1)"
    done
END`;
  const { stdout } = await vm.run(script, { timeoutMs: 110_000 });
  const words = stdout.split('\n');
  return files.map((_, index) => (words[index] ?? 'no answer').replace(/.*: /, ''));
}

describe('a kernel that enforces our certificates', () => {
  test('has them all', async () => {
    const { stdout } = await vm.run('cat /proc/keys /sys/module/module/parameters/sig_enforce');
    const names = [...stdout.matchAll(/ Test: (\w+): .* X509\.rsa/g)].map(([, name]) => name);
    const all = ['Alice', 'Bob', 'Cubic', 'Large', 'Late', 'Odd', 'Peculiar', 'Weak'];
    expect(names.sort()).toEqual(all.filter((name) => !absent.includes(name)));
    expect(stdout).toMatch(/^Y$/m);
  });

  test('judges each row of the table as it says', async () => {
    const answers = await insertEach(rows.map((_, row) => join(directory, 'rows', `${row}.ko`)));
    const judged = rows.map(({ what }, row) => [what, answers[row] === '']);
    expect(judged).toEqual(rows.map(({ what, kernel }) => [what, kernel && !stricter.includes(what)]));
    // No generation of kernels refuses what we accept.
    expect(rows.filter(({ what, refusal }) => refusal === undefined && stricter.includes(what))).toEqual([]);
    // Whatever it refuses, it refuses for its signature.
    expect([...new Set(answers)].sort()).toEqual([
      '',
      'Bad message',
      'Invalid argument',
      'Key was rejected by service',
    ]);
  });

  test('takes a module that we take, however it was linked', async () => {
    const mutants = await mutantsOf(content, directory);
    // What is in there is none that the kernel would take.
    mutants.delete('BTF');
    const files = await Promise.all(
      [...mutants.values()].map((mutant, index) => signedFile(mutant, `mutant-${index}`)),
    );
    const answers = await insertEach(files);
    expect([...mutants.keys()].map((what, index) => [what, answers[index]])).toEqual(
      [...mutants.keys()].map((what) => [what, '']),
    );
  });

  test('takes what its own sign-file signed', async () => {
    const files = await Promise.all(
      [{}, { keyId: true }, { hash: 'sha256' as const }].map((options, index) =>
        signedFile(content, `signed-${index}`, options),
      ),
    );
    expect(await insertEach(files)).toEqual(['', '', '']);
  });
});
