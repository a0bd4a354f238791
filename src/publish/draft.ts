import { createHash } from 'node:crypto';
import { formatMetadata, parseMetadata } from '../patch/metadata.ts';
import { readLivePatch } from '../patch/patch.ts';
import { splitSignedModule } from '../patch/trailer.ts';
import type { Metadata } from '../types.ts';

/** What a publisher says of a module; everything else, the module says. */
export interface Label {
  version: string;
  /** The kernel as the server and the clients name it; by default, the release that the module was built for. */
  kernel: string | undefined;
  /** Whether it replaces every patch before it. */
  cumulative: boolean;
  releasedAt: string;
  /** Names of the vulnerabilities that it remedies. */
  fixes: readonly string[];
}

/** A patch before it is signed. */
export interface Draft {
  metadata: Metadata;
  /** The two byte strings that signatures are over. */
  content: Uint8Array;
  document: Uint8Array;
}

/**
 * Describes a module file, whose signature, if it has one, is left out.
 * @throws LivepatchError `module` or `metadata` for what a client would refuse, in the same words.
 */
export function draft(module: Uint8Array, label: Label): Draft {
  const { content } = splitSignedModule(module);
  const { name, architecture, vermagic, release } = readLivePatch(content);
  const document = formatMetadata({
    kernel: label.kernel ?? release,
    architecture,
    version: label.version,
    module: name,
    digest: createHash('sha512').update(content).digest('hex'),
    vermagic,
    cumulative: label.cumulative,
    releasedAt: label.releasedAt,
    fixes: label.fixes.map((fix) => ({ name: fix, description: '', bug: '', patched: true })),
  });
  const bytes = Buffer.from(document);
  return { metadata: parseMetadata(bytes), content, document: bytes };
}
