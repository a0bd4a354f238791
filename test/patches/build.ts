import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { execa } from 'execa';
import { packTar } from 'modern-tar';
import type { Fix, Metadata } from '../../src/types.ts';
import { cacheDirectory, type KernelTree } from '../kernel/debian-kernel.ts';
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
}): Promise<BuiltPatch> {
  const { source, version, kernel, signer, releasedAt = '2026-01-01T00:00:00Z', fixes = [] } = order;
  const name = moduleName(kernel.release, version);
  const defines = { VERSION: majorOf(version), ...order.defines };
  const unsigned = await compileModule({ source, name, kernel, defines });
  const module = await signModule(unsigned, kernel, signer);
  const metadata: Metadata = {
    kernel: kernel.release,
    architecture: 'amd64',
    version,
    module: name,
    file: `${name}.ko`,
    releasedAt,
    fixes,
  };
  return { metadata, module, fileName: patchFileName(metadata), archive: await packPatch(metadata, module) };
}

/** The field's name for a module: `lkp_Debian_6_1_0_56_amd64_121` is major version 121 for 6.1.0-56-amd64. */
export function moduleName(kernel: string, version: string): string {
  return `lkp_Debian_${kernel.replace(/[.-]/g, '_')}_${majorOf(version)}`;
}

/** The field's name for a patch file. */
export function patchFileName(metadata: Metadata): string {
  return `${stem(metadata)}.tar.gz`;
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
    await execa(kernel.signFile, [...(keyId ? ['-k'] : []), hash, signer.keyFile, signer.certFile, file]);
    return readFile(file);
  });
}

/** Packs a patch file: one directory, with metadata.json and the module in it. */
export async function packPatch(metadata: Metadata, module: Uint8Array): Promise<Uint8Array> {
  const directory = stem(metadata);
  const mtime = new Date(metadata.releasedAt);
  const document = Buffer.from(`${JSON.stringify({ schema: 1, ...metadata }, null, 2)}\n`);
  const tar = await packTar([
    { header: { name: `${directory}/`, type: 'directory', size: 0, mode: 0o755, mtime } },
    {
      header: { name: `${directory}/metadata.json`, size: document.length, mode: 0o644, mtime },
      body: document,
    },
    {
      header: { name: `${directory}/${metadata.file}`, size: module.length, mode: 0o644, mtime },
      body: module,
    },
  ]);
  return gzipSync(tar);
}

function stem({ kernel, version, architecture }: Metadata): string {
  return `livepatch-${kernel}-${version}-${architecture}`;
}

function majorOf(version: string): string {
  return version.replace(/\..*/, '');
}

async function make(code: string, name: string, kernel: KernelTree): Promise<Uint8Array> {
  return inTemporaryDirectory(async (directory) => {
    await writeFile(join(directory, `${name}.c`), code);
    await writeFile(join(directory, 'Kbuild'), `obj-m := ${name}.o\n`);
    await execa('make', ['-C', kernel.build, `M=${directory}`, 'modules']);
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
