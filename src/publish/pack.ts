import { createHash } from 'node:crypto';
import { LivepatchError } from '../errors.ts';
import { verifySignedModule } from '../patch/signature.ts';
import { appendSignature, splitSignedModule } from '../patch/trailer.ts';
import type { Metadata, TrustAnchor } from '../types.ts';
import { signDetached } from './cms.ts';
import { type Draft, draft, type Label } from './draft.ts';
import { type Parts, packPatchFile, provePatchFile, stemOf } from './patch-file.ts';
import type { SigningKey } from './signing-key.ts';

/** A patch file that a client would accept, and what is in it. */
export interface Packed {
  metadata: Metadata;
  archive: Uint8Array;
  fileName: string;
  /** SHA-256 of the patch file, lower-case hex. */
  sha256: string;
  signer: TrustAnchor;
}

/**
 * Signs a module and its metadata and packs both. A signature that the module has already is kept when it is by the
 * same key and good; with `resign`, any is replaced.
 * @throws LivepatchError for whatever a client would refuse, in the same words.
 */
export async function pack(
  module: Uint8Array,
  label: Label,
  signingKey: SigningKey,
  resign: boolean,
): Promise<Packed> {
  const described = draft(module, label);
  return seal(described.metadata, sign(module, described, signingKey, resign), [signingKey.certificate]);
}

function sign(module: Uint8Array, { content, document }: Draft, signer: SigningKey, resign: boolean): Parts {
  const { key, certificate } = signer;
  const isSigned = content.length < module.length;
  if (isSigned && !resign) requireOwnSignature(module, certificate);
  return {
    module: isSigned && !resign ? module : appendSignature(content, signDetached(content, key, certificate)),
    metadata: document,
    metadataSignature: signDetached(document, key, certificate),
  };
}

function requireOwnSignature(module: Uint8Array, certificate: TrustAnchor): void {
  try {
    verifySignedModule(module, [certificate], { allowSha256: false });
  } catch (error) {
    if (!(error instanceof LivepatchError)) throw error;
    throw new LivepatchError(error.code, `the module has a signature already: ${error.message}`, {
      hint: 'Use --resign to replace it.',
    });
  }
}

/**
 * Packs what somebody else signed, such as a machine that holds the key in hardware.
 * @param module with or without a signature, which is left out
 * @throws LivepatchError for whatever a client would refuse, in the same words.
 */
export function packSigned(
  metadata: Metadata,
  document: Uint8Array,
  module: Uint8Array,
  signatures: { module: Uint8Array; metadata: Uint8Array },
  certificates: readonly TrustAnchor[],
): Promise<Packed> {
  const { content } = splitSignedModule(module);
  return seal(
    metadata,
    {
      module: appendSignature(content, signatures.module),
      metadata: document,
      metadataSignature: signatures.metadata,
    },
    certificates,
  );
}

async function seal(metadata: Metadata, parts: Parts, certificates: readonly TrustAnchor[]): Promise<Packed> {
  const archive = await packPatchFile(metadata, parts);
  const { signer } = await provePatchFile(archive, metadata, certificates);
  const sha256 = createHash('sha256').update(archive).digest('hex');
  return { metadata, archive, fileName: `${stemOf(metadata)}.tar.gz`, sha256, signer };
}
