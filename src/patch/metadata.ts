import * as v from 'valibot';
import { LivepatchError, messageOf } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { ArchitectureName, FixList, KernelVersion, ModuleName, Time, Version } from '../schemas.ts';
import type { Metadata } from '../types.ts';

/** The version of `metadata.json`. Another is refused, never guessed at. */
const SCHEMA = 1;

const MetadataSchema = v.object({
  schema: v.literal(SCHEMA),
  kernel: KernelVersion,
  architecture: ArchitectureName,
  version: Version,
  module: ModuleName,
  file: v.string(),
  releasedAt: Time,
  fixes: FixList,
});

/**
 * Reads `metadata.json`: UTF-8 JSON, unknown fields ignored. It is not signed, so it may only narrow what is accepted;
 * what counts is checked against the signed module. Throws 'metadata' with the field's name.
 */
export function parseMetadata(bytes: Uint8Array): Metadata {
  const result = v.safeParse(MetadataSchema, parseJson(bytes), {
    abortEarly: true,
    // The library's own messages quote what was received: as long as a stranger likes, escape sequences and all.
    message: ({ expected, type }) => `expected ${expected ?? type}`,
  });
  if (!result.success) {
    const [issue] = result.issues;
    throw new LivepatchError(
      'metadata',
      `metadata.json: ${v.getDotPath(issue) ?? 'the document'}: ${issue.message}`,
    );
  }
  const { schema: _, ...metadata } = result.output;
  if (metadata.file !== `${metadata.module}.ko`) {
    throw new LivepatchError('metadata', "metadata.json: file: not the module's name with .ko");
  }
  return metadata;
}

function parseJson(bytes: Uint8Array): unknown {
  if (bytes.length > LIMITS.patch.metadataBytes) {
    throw new LivepatchError('metadata', 'metadata.json is too large');
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    // The parser's own message quotes the text; what is quoted came from the network.
    throw new LivepatchError('metadata', 'metadata.json is not JSON in UTF-8', { cause: messageOf(cause) });
  }
}
