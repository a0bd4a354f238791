import { gzipSync } from 'node:zlib';
import { packTar } from 'modern-tar';
import { openPatch } from '../patch/patch.ts';
import type { Metadata, ProvenFile, TrustAnchor } from '../types.ts';

/** What goes into a patch file: the signed module, and the bytes of its metadata with their signature. */
export interface Parts {
  module: Uint8Array;
  metadata: Uint8Array;
  metadataSignature: Uint8Array;
}

const LATEST = (8 ** 11 - 1) * 1000;

/** The field's name for a patch, which is that of the directory in its file. */
export function stemOf({ kernel, version, architecture }: Metadata): string {
  return `livepatch-${kernel}-${version}-${architecture}`;
}

/** A patch file: the same parts give the same bytes, on whatever day they are packed. */
export async function packPatchFile(metadata: Metadata, { module, ...parts }: Parts): Promise<Uint8Array> {
  const directory = stemOf(metadata);
  // As far as the octal digits of a tar header go.
  const mtime = new Date(Math.min(Math.max(Date.parse(metadata.releasedAt), 0), LATEST));
  const file = (name: string, body: Uint8Array) => ({
    header: { name: `${directory}/${name}`, size: body.length, mode: 0o644, mtime },
    body,
  });
  const tar = await packTar([
    { header: { name: `${directory}/`, type: 'directory', size: 0, mode: 0o755, mtime } },
    file('metadata.json', parts.metadata),
    file('metadata.json.p7s', parts.metadataSignature),
    file(`${metadata.module}.ko`, module),
  ]);
  return gzipSync(tar, { level: 9 });
}

/**
 * Proves a patch file by the client's own steps, on a machine that it is for.
 * @throws LivepatchError as `openPatch` does: what a client would refuse is not published.
 */
export function provePatchFile(
  archive: Uint8Array,
  { kernel, architecture, vermagic }: Metadata,
  anchors: readonly TrustAnchor[],
): Promise<ProvenFile> {
  const [release = ''] = vermagic.split(' ');
  async function* whole() {
    yield archive;
  }
  return openPatch(whole(), { kernel, architecture, release }, { anchors, allowSha256: false });
}
