import { execFileSync, spawnSync } from 'node:child_process';
import { verify as verifyRsa } from 'node:crypto';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LivepatchError } from '../../src/errors.ts';
import { readModule } from '../../src/patch/module.ts';
import { parseSignature, verifySignedModule } from '../../src/patch/signature.ts';
import { splitSignedModule } from '../../src/patch/trailer.ts';
import { parseCertificates } from '../../src/patch/trust.ts';
import type { TrustAnchor } from '../../src/types.ts';
import { debianKernel } from '../kernel/debian-kernel.ts';
import { kernelCertificates } from './kernel-certificates.ts';
import { showSpread, spreadOf, table } from './table.ts';

const ROUNDS = 5;
/** A process each: with all of them a round would take half a minute. */
const OPENSSL_SAMPLE = 200;
/** Debian's modules are signed over SHA-256. */
const POLICY = { allowSha256: true };

/** What the whole command may take for all modules, in seconds. */
const AIM = 1;
const PROGRAM = join(import.meta.dirname, '../../bin/canonical-livepatch.js');

/** A signed module, and its parts for those who do not find them themselves. */
interface Signed {
  path: string;
  file: Buffer;
  content: Uint8Array;
  signature: Uint8Array;
  /** The RSA signature alone. */
  value: Uint8Array;
}

/** Seconds that one contender took, by round, and what for. */
interface Result {
  name: string;
  files: readonly Signed[];
  seconds: number[];
}

/**
 * Verification of every module of the Debian kernel, beside the least that anybody could do for it in the same Node,
 * SHA-2 and one RSA verification, and beside `openssl cms -verify`; and the command that people run, from fork to exit.
 */
export function benchVerify(): string {
  const kernel = debianKernel();
  const modules = globSync(join(kernel.modules, '**/*.ko')).map(prepare);
  const { signer, certificate } = signerOf(modules, kernelCertificates(kernel.image));
  const command = wholeCommand(modules, certificate);
  const results = [...race(modules, contenders(signer)), command, openssl(modules, certificate)];
  const bits = signer.publicKey.asymmetricKeyDetails?.modulusLength;
  return [
    `${modules.length} modules of Linux ${kernel.release}, ${megabytes(modules).toFixed(0)} MB, RSA ${bits} over SHA-256;`,
    `Node ${process.version}, one thread; median of ${ROUNDS} rounds (lowest–highest).\n`,
    show(results),
    `\nThe whole command takes ${showSpread(spreadOf(command.seconds))} s; the aim is ${AIM} s.`,
  ].join('\n');
}

function prepare(path: string): Signed {
  const file = readFileSync(path);
  const { content, signature } = splitSignedModule(file);
  if (signature === undefined) throw new Error(`${path} is not signed`);
  return { path, file, content, signature, value: parseSignature(signature).value };
}

/** The one of the kernel's own certificates that made the first signature; it then made them all. */
function signerOf([first]: Signed[], certificates: Buffer[]): { signer: TrustAnchor; certificate: Buffer } {
  for (const certificate of certificates) {
    const [signer] = parseCertificates(certificate, 'the kernel');
    if (first && signer && isGood(first, signer)) return { signer, certificate };
  }
  throw new Error('no certificate in the kernel made the signature of its first module');
}

function isGood({ file }: Signed, signer: TrustAnchor): boolean {
  try {
    verifySignedModule(file, [signer], POLICY);
    return true;
  } catch (error) {
    if (error instanceof LivepatchError) return false;
    throw error;
  }
}

/** The first is what the others are compared with. */
function contenders(signer: TrustAnchor): Record<string, (signed: Signed) => void> {
  const verify = ({ file }: Signed) => {
    const signed = verifySignedModule(file, [signer], POLICY);
    readModule(signed.content);
    return signed;
  };
  return {
    'bare cost: SHA-256, one RSA verification': ({ content, value }) => {
      if (!verifyRsa('sha256', content, signer.publicKey, value)) throw new Error('not verified');
    },
    'verification: trailer, PKCS#7, signature, ELF': (signed) => void verify(signed),
    '… and the identity, SHA-512 in a second pass': (signed) => void verify(signed).digest,
  };
}

/** File by file in turns, each being the first as often: what slows the machine, or warms its caches, does it to all. */
function race(files: Signed[], contenders: Record<string, (signed: Signed) => void>): Result[] {
  const results = Object.keys(contenders).map((name): Result => ({ name, files, seconds: [] }));
  const runs = Object.values(contenders);
  for (let round = -1; round < ROUNDS; round++) {
    const totals = runs.map(() => 0);
    files.forEach((file, index) => {
      runs.forEach((_, turn) => {
        const which = (turn + index + round + 1) % runs.length;
        const start = performance.now();
        runs[which]?.(file);
        totals[which] = (totals[which] ?? 0) + (performance.now() - start) / 1000;
      });
    });
    // The round before the first warms up.
    if (round >= 0) results.forEach(({ seconds }, which) => void seconds.push(totals[which] ?? Number.NaN));
  }
  return results;
}

/** With bytecode and page cache warm, as for who looks through a machine's modules. */
function wholeCommand(modules: Signed[], certificate: Buffer): Result {
  const directory = mkdtempSync(join(tmpdir(), 'livepatch-bench-'));
  try {
    const keys = join(directory, 'signer.der');
    writeFileSync(keys, certificate);
    const paths = modules.map(({ path }) => path);
    const words = [PROGRAM, 'verify', '--allow-sha256', '--keys', keys, ...paths];
    const seconds = Array.from({ length: ROUNDS }, () => {
      const start = performance.now();
      // It refuses them: they are no live patches.
      const { stdout } = spawnSync(process.execPath, words, { encoding: 'utf8', maxBuffer: 2 ** 26 });
      const elapsed = (performance.now() - start) / 1000;
      const lines = stdout.split('\n').filter((line) => line.endsWith('not marked as a live patch'));
      if (lines.length !== paths.length) throw new Error(`the command verified ${lines.length} modules`);
      return elapsed;
    });
    return { name: '`canonical-livepatch verify`, one process', files: modules, seconds };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** From a shell, because a process as large as this one is slow to start others. */
function openssl(modules: Signed[], certificate: Buffer): Result {
  const step = Math.ceil(modules.length / OPENSSL_SAMPLE);
  const files = modules.filter((_, index) => index % step === 0);
  const directory = mkdtempSync(join(tmpdir(), 'livepatch-bench-'));
  try {
    writeFileSync(join(directory, 'signer.der'), certificate);
    files.forEach(({ content, signature }, index) => {
      writeFileSync(join(directory, `${index}`), content);
      writeFileSync(join(directory, `${index}.p7`), signature);
    });
    const script = `for signature in *.p7; do
      openssl cms -verify -inform DER -binary -noverify -certfile signer.der -in "$signature" \\
        -content "\${signature%.p7}" -out /dev/null 2>/dev/null || exit 1
    done`;
    const seconds = Array.from({ length: ROUNDS }, () => {
      const start = performance.now();
      execFileSync('sh', ['-c', script], { cwd: directory });
      return (performance.now() - start) / 1000;
    });
    return { name: `openssl cms -verify, a process each (${files.length} of them)`, files, seconds };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function show(results: Result[]): string {
  const [bare] = results;
  const rows = results.map(({ name, files, seconds }) => [
    name,
    showSpread(spreadOf(seconds.map((time) => files.length / time)), 0),
    showSpread(spreadOf(seconds.map((time) => megabytes(files) / time)), 0),
    showSpread(spreadOf(seconds.map((time, round) => time / files.length / perFile(bare, round)))),
  ]);
  return table([['', 'files/s', 'MB/s', '× bare cost'], ...rows]);
}

function perFile(result: Result | undefined, round: number): number {
  return (result?.seconds[round] ?? Number.NaN) / (result?.files.length ?? Number.NaN);
}

function megabytes(files: readonly Signed[]): number {
  return files.reduce((sum, { file }) => sum + file.length, 0) / 1e6;
}
