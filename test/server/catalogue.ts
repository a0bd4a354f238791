import { createHash } from 'node:crypto';
import { constants, copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { unpackTar } from 'modern-tar';
import * as v from 'valibot';
import {
  ArchitectureName,
  FixList,
  hex,
  KernelVersion,
  ModuleName,
  Time,
  Version,
} from '../../src/schemas.ts';
import type { Database, StoredPatch, Tier } from './database.ts';

/** What the catalogue needs to know of a patch file; the client checks it and the rest by the signature. */
const Metadata = v.object({
  kernel: KernelVersion,
  architecture: ArchitectureName,
  version: Version,
  module: ModuleName,
  digest: hex(128),
  cumulative: v.boolean(),
  releasedAt: Time,
  fixes: FixList,
});

/**
 * Takes the patch file at `path` into the server's care: copied into the directory `files` under its proper name,
 * `livepatch-<kernel>-<version>-<architecture>.tar.gz`, and recorded for `tier`.
 */
export async function addPatchFile(
  database: Database,
  files: string,
  path: string,
  { tier = 'stable', phase }: { tier?: Tier; phase?: number | undefined } = {},
): Promise<StoredPatch> {
  const archive = await readFile(path);
  const metadata = await metadataOf(archive);
  const { kernel, version, architecture } = metadata;
  const patch: StoredPatch = {
    ...metadata,
    phase,
    tier,
    file: `livepatch-${kernel}-${version}-${architecture}.tar.gz`,
    sha256: createHash('sha256').update(archive).digest('hex'),
    size: archive.length,
  };
  await mkdir(files, { recursive: true });
  // Never over a file that is being served under its old digest.
  await copyFile(path, join(files, patch.file), constants.COPYFILE_EXCL);
  database.addPatch(patch);
  return patch;
}

/** What a candidate repeats of the metadata in a patch file. */
export async function metadataOf(archive: Uint8Array): Promise<v.InferOutput<typeof Metadata>> {
  const entries = await unpackTar(gunzipSync(archive));
  const entry = entries.find(({ header }) => /(^|\/)metadata\.json$/.test(header.name));
  if (entry?.data === undefined) throw new Error('not a patch file: no metadata.json in it');
  return v.parse(Metadata, JSON.parse(Buffer.from(entry.data).toString()));
}
