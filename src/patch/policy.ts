import type { AppliedPatch, Decision, LivePatch, Offer } from '../types.ts';
import { compareVersions } from './version.ts';

/**
 * What is due. Pure: the same answer, kernel and memory always give the same decision.
 * @param offer what the server holds ready, if anything.
 * @param applied what we put into this kernel during this boot, if anything.
 * @param livePatches what the kernel says it holds.
 */
export function decide(
  offer: Offer | undefined,
  applied: AppliedPatch | undefined,
  livePatches: readonly LivePatch[],
): Decision {
  if (offer === undefined) return { action: 'keep', why: 'nothing-offered' };
  const stands = livePatches.some((patch) => patch.name === applied?.module && patch.enabled);
  // Never to an older one: patches are cumulative, and going back would open again what was closed.
  if (applied !== undefined && stands && compareVersions(offer.version, applied.version) <= 0) {
    return { action: 'keep', why: 'already-applied' };
  }
  return { action: 'apply', offer };
}
