import * as v from 'valibot';
import { LivepatchError, messageOf } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { ArchitectureName, FixList, hex, KernelVersion, ModuleName, Time, Version } from '../schemas.ts';
import type { Metadata } from '../types.ts';

/** The version of `metadata.json`. Another is refused, never guessed at. */
const SCHEMA = 2;

const MetadataSchema = v.object({
  schema: v.literal(SCHEMA),
  kernel: KernelVersion,
  architecture: ArchitectureName,
  version: Version,
  module: ModuleName,
  digest: hex(128),
  // It ends with a space in real modules, and is compared whole.
  vermagic: v.pipe(
    v.string(),
    v.maxLength(LIMITS.patch.vermagicLength),
    v.regex(/^[\x20-\x7e]+$/, 'not plain text'),
  ),
  cumulative: v.boolean(),
  releasedAt: Time,
  fixes: FixList,
}) satisfies v.GenericSchema<unknown, Metadata>;

/**
 * Reads `metadata.json`: UTF-8 JSON, unknown fields ignored. To be called with bytes whose signature was verified; for
 * any others, what it gives is only a claim. Throws 'metadata' with the field's name.
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
  return metadata;
}

/** The text of a `metadata.json`, which is what is signed. The same metadata gives the same bytes. */
export function formatMetadata(metadata: Metadata): string {
  const { kernel, architecture, version, module, digest, vermagic, cumulative, releasedAt, fixes } = metadata;
  const document = {
    schema: SCHEMA,
    ...{ kernel, architecture, version, module, digest, vermagic, cumulative, releasedAt },
    fixes: fixes.map(({ name, description, bug, patched }) => ({ name, description, bug, patched })),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
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
