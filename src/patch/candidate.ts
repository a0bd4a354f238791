import { LivepatchError } from '../errors.ts';
import type { Fix, Metadata } from '../types.ts';

/** What a source says of a patch, or what is remembered of it, and its signed metadata says as well. */
type Named = Pick<Metadata, 'version' | 'digest' | 'module' | 'cumulative' | 'releasedAt' | 'fixes'>;

/**
 * What a source says of a patch is not signed, so it may only agree with the signed metadata of the file that it sent.
 * Throws 'metadata' with the name of the first field that does not.
 */
export function matchCandidate(candidate: Named, metadata: Named): void {
  for (const field of ['version', 'digest', 'module', 'cumulative', 'releasedAt', 'fixes'] as const) {
    if (textOf(candidate[field]) !== textOf(metadata[field])) {
      throw new LivepatchError('metadata', `${field}: the offer does not agree with the signed metadata`);
    }
  }
}

function textOf(value: string | boolean | Fix[]): string {
  if (!Array.isArray(value)) return JSON.stringify(value);
  return JSON.stringify(
    value.map(({ name, description, bug, patched }) => [name, description, bug, patched]),
  );
}
