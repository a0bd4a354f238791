import type { StatusDocument } from './document.ts';
import { newerKernel } from './kernel-release.ts';
import { isBlamed } from './patch-state.ts';
import { plain } from './plain.ts';

/** Whether a reboot into a newer kernel is recommended, and why, in words that follow `kernel <version>: `. */
export interface KernelUpgrade {
  answer:
    | 'recommended'
    /** A newer kernel is needed, and none is installed that a reboot would lead to. */
    | 'no-newer-kernel'
    | 'can-wait'
    | 'not-enough-information';
  reason: string;
}

/**
 * Whether others decide that a reboot can wait: Ubuntu's Pro client does by just these two fields. There is one answer:
 * who asks for `kernelUpgrade` is never told otherwise.
 */
export function rebootCanWait({ patchState, support }: StatusDocument): boolean {
  return support === 'supported' && (patchState === 'applied' || patchState === 'nothing-to-apply');
}

/**
 * Recommended only when a newer kernel is installed, so that the reboot changes something: machines are rebooted at
 * night by this answer, and one that no reboot helps would be rebooted every night.
 */
export function kernelUpgrade(document: StatusDocument): KernelUpgrade {
  if (rebootCanWait(document)) return { answer: 'can-wait', reason: canWaitReason(document) };
  const need = needed(document);
  if (need === undefined) return { answer: 'not-enough-information', reason: unclear(document) };
  const { installedKernels, release } = document;
  const newer = newerKernel(release, installedKernels);
  if (newer !== undefined) return { answer: 'recommended', reason: `${need}; please reboot into ${newer}` };
  return {
    answer: 'no-newer-kernel',
    reason:
      installedKernels.length === 0
        ? `${need}, but which kernels are installed is not known`
        : `${need}, but no newer kernel is installed; please install one first`,
  };
}

function canWaitReason({ fixes, outdated }: StatusDocument): string {
  const open = fixes.filter(({ patched }) => !patched).map(({ name }) => name);
  return [
    'no reboot into a newer kernel is needed now',
    ...(open.length === 0 ? [] : [`the live patch leaves ${open.join(', ')} open`]),
    ...(outdated ? ['the last check is too long ago to be sure'] : []),
  ].join('; ');
}

/** @returns undefined when nothing says that a newer kernel is needed. */
function needed(document: StatusDocument): string | undefined {
  const { held, patchState, support, upgradeReason, upgradeRequiredDate: date, version } = document;
  switch (support) {
    case 'unsupported':
      return 'it is not covered by Livepatch';
    case 'kernel-end-of-life':
      return 'it is no longer covered by Livepatch';
    case 'kernel-upgrade-required':
      if (patchState === 'kernel-upgrade-required')
        return 'it contains a vulnerability that cannot be remediated with live kernel patching';
      return upgradeReason === 'coverage'
        ? `Livepatch coverage ended ${date}`
        : 'Livepatch coverage has ended';
    default:
      break;
  }
  if (patchState === 'applied-with-bug') return `it found a bug in live patch ${version}`;
  const blamed = held.find(isBlamed);
  if (blamed === undefined || patchState !== 'apply-failed') return undefined;
  return `${blamed.message}, which leaves ${blamed.missed.join(', ') || 'what it fixes'} open`;
}

function unclear({ patchState, support }: StatusDocument): string {
  if (support === 'unknown') return 'it is not known whether it is covered, before a check-in has succeeded';
  return patchState === 'unknown'
    ? 'a live patch that was applied is no longer in use'
    : 'a live patch is due that is not in use yet';
}

/** The exit status is the answer; other programs branch on it. 3 is any error. */
const EXIT_STATUS: Record<KernelUpgrade['answer'], number> = {
  recommended: 0,
  'can-wait': 1,
  // Which kernel would help is not known.
  'no-newer-kernel': 2,
  'not-enough-information': 2,
};

/** What is printed where, and the exit status. */
export interface KernelUpgradeOutput {
  stdout: string | undefined;
  stderr: string | undefined;
  exitStatus: number;
}

/**
 * Ubuntu's hook prints standard output at every login, for 0 and for 1, and scripts take any output for "restart". So
 * there is none but to recommend a reboot, except on a terminal, where a person asks.
 */
export function kernelUpgradeOutput(
  document: StatusDocument,
  { isTerminal, motd }: { isTerminal: boolean; motd: boolean },
): KernelUpgradeOutput {
  const { answer, reason } = kernelUpgrade(document);
  const sentence = plain(`kernel ${document.kernel}: ${reason}`);
  if (motd) {
    const isNeeded = answer === 'recommended' || answer === 'no-newer-kernel';
    return { stdout: isNeeded ? notice(sentence) : undefined, stderr: undefined, exitStatus: 0 };
  }
  const exitStatus = EXIT_STATUS[answer];
  if (exitStatus === EXIT_STATUS['not-enough-information'])
    return { stdout: undefined, stderr: sentence, exitStatus };
  const isTold = answer === 'recommended' || isTerminal;
  return { stdout: isTold ? sentence : undefined, stderr: undefined, exitStatus };
}

/** Free lines around it, among the other notices of a login. */
function notice(sentence: string): string {
  return `\n *** Livepatch: a kernel upgrade is required ***\n *** ${sentence} ***\n`;
}
