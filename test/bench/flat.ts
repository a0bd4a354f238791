import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { metadataOf, patchFile, signedModule } from '../patch/make/patch.ts';
import { makeSigner, type Signer } from '../patch/make/pki.ts';
import { execFileAsync } from './machine.ts';
import type { Opened } from './open-one.ts';
import { showSpread, spreadOf, table } from './table.ts';

const MiB = 1024 * 1024;
const SIZES = [1, 16, 128, 512];
const ROUNDS = 5;

/** Patch files of growing size through `openPatch`: what they take besides the module itself, and how long. */
export async function benchFlat(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'livepatch-bench-'));
  try {
    const signer = makeSigner();
    writeFileSync(join(directory, 'signer.pem'), signer.pem);
    const small = writePatch(directory, signer, MiB / 8);
    const rows: string[][] = [];
    for (const size of SIZES)
      rows.push(await measure(directory, small, writePatch(directory, signer, size * MiB)));
    return `Gzip of what cannot be packed; median (lowest–highest) of ${ROUNDS} processes\n\n${table([
      [
        'patch file MiB',
        'module MiB',
        'peak memory beyond the module, MiB',
        'open, ms',
        'SHA-256, × sha256sum',
      ],
      ...rows,
    ])}`;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** @returns its SHA-256, by which it is named. */
function writePatch(directory: string, signer: Signer, bytes: number): string {
  const parts = { filler: Buffer.alloc(bytes, randomBytes(MiB)) };
  const module = signedModule(signer, parts);
  const archive = gunzipSync(patchFile(signer, module, { schema: 2, ...metadataOf(parts) }));
  const packed = gzipSync(archive, { level: 1 });
  const sha256 = createHash('sha256').update(packed).digest('hex');
  writeFileSync(join(directory, sha256), packed);
  return sha256;
}

async function measure(directory: string, small: string, large: string): Promise<string[]> {
  const path = join(directory, large);
  const opened: Opened[] = [];
  const hashRatios: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const program = join(import.meta.dirname, 'open-one.ts');
    const { stdout } = await execFileAsync(process.execPath, [
      program,
      directory,
      small,
      large,
      join(directory, 'signer.pem'),
    ]);
    const one = JSON.parse(stdout) as Opened;
    const start = performance.now();
    await execFileAsync('sha256sum', [path]);
    hashRatios.push(one.hashMs / (performance.now() - start));
    opened.push(one);
  }
  const over = opened.map(({ growth, moduleBytes }) => (growth - moduleBytes) / MiB);
  return [
    (statSync(path).size / MiB).toFixed(0),
    ((opened[0]?.moduleBytes ?? 0) / MiB).toFixed(0),
    showSpread(spreadOf(over), 1),
    showSpread(spreadOf(opened.map(({ openMs }) => openMs)), 0),
    showSpread(spreadOf(hashRatios)),
  ];
}
