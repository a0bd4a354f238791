import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { formatMetadata } from '../../src/patch/metadata.ts';
import { draft } from '../../src/publish/draft.ts';
import { packPatchFile, stemOf } from '../../src/publish/patch-file.ts';
import type { Fix, Metadata } from '../../src/types.ts';
import { cacheDirectory, type KernelTree, runForKernel } from '../kernel/debian-kernel.ts';
import type { Signer } from './signer.ts';

/** A patch file and what went into it. */
export interface BuiltPatch {
  metadata: Metadata;
  /** The signed module. */
  module: Uint8Array;
  fileName: string;
  /** The patch file itself. */
  archive: Uint8Array;
}

/** The patch of /proc/version; the version's major number shows in the text that one reads there. */
export const PROC_VERSION = join(import.meta.dirname, 'proc_version.c');
/** One that is stacked on others, and shows in the same way in /proc/loadavg. */
export const PROC_LOADAVG = join(import.meta.dirname, 'proc_loadavg.c');

/**
 * Compiles, signs and packs one patch.
 *
 * `source` is a C file, which sees the major number of `version` as the macro VERSION, and `defines`; `version` is as in `121.4`.
 */
export async function buildPatch(order: {
  source: string;
  version: string;
  kernel: KernelTree;
  signer: Signer;
  defines?: Record<string, string>;
  releasedAt?: string;
  fixes?: Fix[];
  /** Whether it replaces all others; by default, as all patches of the tests that do not say otherwise. */
  cumulative?: boolean;
}): Promise<BuiltPatch> {
  const { source, version, kernel, signer, releasedAt = '2026-01-01T00:00:00Z', fixes = [] } = order;
  const name = moduleName(kernel.release, version);
  const defines = { VERSION: majorOf(version), ...order.defines };
  const unsigned = await compileModule({ source, name, kernel, defines });
  const module = await signModule(unsigned, kernel, signer);
  const { metadata } = draft(unsigned, {
    version,
    kernel: undefined,
    cumulative: order.cumulative ?? true,
    releasedAt,
    fixes: [],
  });
  const described = { ...metadata, fixes };
  const archive = await packPatch(described, module, kernel, signer);
  return { metadata: described, module, fileName: patchFileName(described), archive };
}

/** Packs a patch file, its metadata signed by the kernel's own sign-file. */
export async function packPatch(
  metadata: Metadata,
  module: Uint8Array,
  kernel: KernelTree,
  signer: Signer,
): Promise<Uint8Array> {
  const document = Buffer.from(formatMetadata(metadata));
  const metadataSignature = await signDetached(document, kernel, signer);
  return packPatchFile(metadata, { module, metadata: document, metadataSignature });
}

/** The field's name for a module: `lkp_Debian_6_1_0_56_amd64_121` is major version 121 for 6.1.0-56-amd64. */
export function moduleName(kernel: string, version: string): string {
  return `lkp_Debian_${kernel.replace(/[^0-9A-Za-z]/g, '_')}_${majorOf(version)}`;
}

/** The field's name for a patch file. */
export function patchFileName(metadata: Metadata): string {
  return `${stemOf(metadata)}.tar.gz`;
}

/**
 * Compiles a C file to a module `name`.ko for `kernel`, unsigned, with `defines` as macros at its top. What was
 * compiled once is taken from the cache. Throws execa's error with the compiler's words.
 */
export async function compileModule(order: {
  source: string;
  name: string;
  kernel: KernelTree;
  defines?: Record<string, string>;
}): Promise<Uint8Array> {
  const { source, name, kernel, defines = {} } = order;
  const macros = Object.entries(defines).map(([macro, value]) => `#define ${macro} ${value}\n`);
  const code = `${macros.join('')}#line 1 "${basename(source)}"\n${await readFile(source, 'utf8')}`;
  const key = createHash('sha256')
    .update(JSON.stringify([kernel.release, name, code]))
    .digest('hex');
  const cached = join(cacheDirectory, 'modules', `${key}.ko`);
  try {
    return await readFile(cached);
  } catch {
    const module = await make(code, name, kernel);
    await mkdir(join(cacheDirectory, 'modules'), { recursive: true });
    await writeFile(`${cached}.${process.pid}`, module);
    await rename(`${cached}.${process.pid}`, cached);
    return module;
  }
}

/**
 * Appends a signature by the kernel's own sign-file.
 *
 * `hash` is the digest; `keyId` names the signer by subject key id rather than by issuer and serial number.
 */
export async function signModule(
  module: Uint8Array,
  kernel: KernelTree,
  signer: Pick<Signer, 'keyFile' | 'certFile'>,
  options: { hash?: 'sha512' | 'sha256'; keyId?: boolean } = {},
): Promise<Uint8Array> {
  const { hash = 'sha512', keyId = false } = options;
  return inTemporaryDirectory(async (directory) => {
    const file = join(directory, 'module.ko');
    await writeFile(file, module);
    const options = keyId ? ['-k'] : [];
    await runForKernel(kernel, [kernel.signFile, ...options, hash, signer.keyFile, signer.certFile, file]);
    return readFile(file);
  });
}

/** A detached signature by the kernel's own sign-file, of anything. */
async function signDetached(
  bytes: Uint8Array,
  kernel: KernelTree,
  { keyFile, certFile }: Pick<Signer, 'keyFile' | 'certFile'>,
): Promise<Uint8Array> {
  return inTemporaryDirectory(async (directory) => {
    const file = join(directory, 'signed');
    await writeFile(file, bytes);
    await runForKernel(kernel, [kernel.signFile, '-dp', 'sha512', keyFile, certFile, file]);
    return readFile(`${file}.p7s`);
  });
}

function majorOf(version: string): string {
  return version.replace(/\..*/, '');
}

async function make(code: string, name: string, kernel: KernelTree): Promise<Uint8Array> {
  return inTemporaryDirectory(async (directory) => {
    await writeFile(join(directory, `${name}.c`), code);
    await writeFile(join(directory, 'Kbuild'), `obj-m := ${name}.o\n`);
    await runForKernel(kernel, ['make', '-C', kernel.build, `M=${directory}`, ...kernel.make, 'modules']);
    return readFile(join(directory, `${name}.ko`));
  });
}

async function inTemporaryDirectory<Result>(use: (directory: string) => Promise<Result>): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'livepatch-build-'));
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}
