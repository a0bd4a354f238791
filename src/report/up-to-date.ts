import type { StatusDocument } from './document.ts';

/**
 * `status --exit-status`: the one question that scripts ask, as numbers that never change their meaning. 1 stays what it
 * is everywhere: not enabled, or the status could not be read.
 */
export const UP_TO_DATE = {
  /** Every live patch that is known for this kernel is in use, or there is none; it is covered, as of a recent check. */
  'up-to-date': 0,
  /** A newer patch is waiting, being applied, or held back. */
  waiting: 2,
  /** The last check failed, or is too long ago, or there was none. */
  unchecked: 3,
  /** A patch could not be applied, made trouble, or is no longer in use. */
  failed: 4,
  /** The kernel is not covered, or has to be upgraded. */
  'not-covered': 5,
} as const;

/** What is worse goes before what is better: what failed, what is missed, what is over, what may be outdated. */
export function upToDate(document: StatusDocument): keyof typeof UP_TO_DATE {
  const { checkState, missing, patchState, stateError, support } = document;
  if (stateError !== undefined) return 'failed';
  switch (patchState) {
    case 'apply-failed':
    case 'applied-with-bug':
      return 'failed';
    case 'unknown':
      return missing.length > 0 ? 'failed' : 'unchecked';
    case 'unapplied':
    case 'applying':
      return 'waiting';
    case 'kernel-upgrade-required':
      return 'not-covered';
    case 'applied':
    case 'nothing-to-apply':
      if (support === 'unknown') return 'unchecked';
      if (support !== 'supported') return 'not-covered';
      return checkState === 'checked' ? 'up-to-date' : 'unchecked';
  }
}
