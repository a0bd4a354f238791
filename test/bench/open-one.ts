import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { openPatch } from '../../src/patch/patch.ts';
import { parseCertificates } from '../../src/patch/trust.ts';
import { payloads } from '../../src/store/payloads.ts';
import { MACHINE } from '../patch/make/patch.ts';

/**
 * Opens patch files in a process of its own, for its peak memory: a small one, for what the code itself takes, then the
 * one that is measured. Prints `Opened` as JSON.
 */
export interface Opened {
  moduleBytes: number;
  /** Above the peak of the small one, in bytes. */
  growth: number;
  openMs: number;
  /** For `payloads.isIntact`: a SHA-256 of the file from disk. */
  hashMs: number;
}

const [directory = '', small = '', large = '', signer = ''] = process.argv.slice(2);
const trust = { anchors: parseCertificates(await readFile(signer), 'signer'), allowSha256: false };
const store = payloads(directory);
const open = (sha256: string) => openPatch(store.read(sha256), MACHINE, trust);
/** Not getrusage's, which begins with what the parent had at its fork. */
const peak = () => Number(/^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const start = performance.now();
  const result = await work();
  return [result, performance.now() - start];
}

await open(small);
const before = peak();
const [patch, openMs] = await timed(() => open(large));
const growth = peak() - before;
store.isIntact(small);
const [held, hashMs] = await timed(async () => store.isIntact(large));
if (!held) throw new Error('the file is not what its name says');
const opened: Opened = { moduleBytes: patch.module.length, growth, openMs, hashMs };
process.stdout.write(JSON.stringify(opened));
