import type { StatusDocument } from './document.ts';

/** Whether a reboot into a newer kernel is recommended, and why, in words that follow `kernel <version>: `. */
export interface KernelUpgrade {
  answer: 'recommended' | 'can-wait' | 'not-enough-information';
  reason: string;
}

/** Only what is known for sure is `recommended` or `can-wait`: others decide on it whether a machine goes down. */
export function kernelUpgrade(document: StatusDocument): KernelUpgrade {
  const reason = needed(document);
  if (reason !== undefined) return { answer: 'recommended', reason };
  const { patchState, support } = document;
  if (support === 'supported' && (patchState === 'applied' || patchState === 'nothing-to-apply')) {
    return { answer: 'can-wait', reason: 'no upgrade of the kernel is needed now' };
  }
  return {
    answer: 'not-enough-information',
    reason:
      support === 'unknown'
        ? 'it is not known whether it is covered, before a check-in with the server has succeeded'
        : 'a live patch is due that is not in the kernel',
  };
}

/** @returns undefined when nothing says that a newer kernel is needed. */
function needed(document: StatusDocument): string | undefined {
  const { fixes, held, patchState, support, upgradeRequiredDate: date, version } = document;
  switch (support) {
    case 'unsupported':
      return 'it is not covered by Livepatch';
    case 'kernel-end-of-life':
      return 'it is no longer covered by Livepatch';
    case 'kernel-upgrade-required':
      return date === undefined ? 'Livepatch coverage has ended' : `Livepatch coverage ended ${date}`;
    default:
      break;
  }
  if (patchState === 'applied-with-bug') return `it found a bug in live patch ${version}`;
  if (held?.why === 'crashed' || held?.why === 'kernel-bug')
    return `${held.message}, so that ${held.missed.join(', ') || 'what it fixes'} stays open`;
  const open = fixes.filter(({ patched }) => !patched).map(({ name }) => name);
  return open.length === 0 ? undefined : `${open.join(', ')} cannot be remedied with live patching`;
}
