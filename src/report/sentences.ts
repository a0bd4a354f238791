import type { ErrorCode } from '../errors.ts';
import type { StatusDocument } from './document.ts';

/** The contract's sentences about a kernel and its patches; every command that tells them takes them from here. */

/** Whether the running kernel is covered. */
export function kernelState(document: StatusDocument): string {
  const { kernel, support, upgradeReason, upgradeRequiredDate: date } = document;
  const series = /^\d+\.\d+/.exec(kernel)?.[0] ?? kernel;
  switch (support) {
    case 'supported':
      return date === undefined
        ? `✓ kernel series ${series} is covered by Livepatch`
        : `✓ kernel ${kernel} is covered by Livepatch until ${date}, please install available kernel updates and reboot before then`;
    case 'kernel-upgrade-required':
      return upgradeReason === 'coverage'
        ? `✗ Livepatch coverage ended ${date}; please upgrade the kernel and reboot`
        : '✗ Livepatch coverage has ended; please upgrade the kernel and reboot';
    case 'kernel-end-of-life':
      return '✗ kernel is no longer covered by Livepatch';
    case 'unsupported':
      return '✗ kernel is not covered by Livepatch';
    case 'unknown':
      return '✗ unable to determine kernel support status; a check-in with the server has to succeed first';
  }
}

/** How far patching got. */
export function patchState(document: StatusDocument): string {
  const { kernel, patchState: state } = document;
  switch (state) {
    case 'unapplied':
      return '⧗ live kernel patches are downloaded, but the kernel module is not yet inserted';
    case 'applying':
      return '⧗ patching the kernel';
    case 'applied':
      return '✓ all applicable live kernel patch modules applied';
    case 'applied-with-bug':
      return '✗ Livepatch kernel module inserted but kernel bug detected';
    case 'apply-failed':
      return `✗ ${failureSentence(document)}`;
    case 'nothing-to-apply':
      return `✓ no live kernel patches available for kernel ${kernel}`;
    case 'kernel-upgrade-required':
      return `✗ kernel ${kernel} contains a vulnerability that cannot be remediated with live kernel patching, please upgrade and reboot`;
    case 'unknown':
      return unknown(document);
  }
}

function unknown({ missing, upgraded }: StatusDocument): string {
  if (missing.length > 0)
    return "✗ unknown error occurred, please check system logs with 'journalctl -t kernel'";
  return upgraded
    ? '✓ kernel upgraded after a reboot'
    : '⧗ not known before a check-in with the server has succeeded';
}

const FAILURES: Partial<Record<ErrorCode, string>> = {
  signature: 'failed to verify the signature of the Livepatch kernel module',
  archive: 'failed to extract information about the Livepatch kernel module',
  metadata: 'failed to extract information about the Livepatch kernel module',
  module: 'failed to extract information about the Livepatch kernel module',
  'trust-anchors': 'failed to load certificate used to verify the signature of the Livepatch kernel module',
  transition: 'failed to confirm that the Livepatch kernel module was applied successfully',
};

/** Where none of the contract's sentences fits, the error is known all the same: the next line tells it. */
function failureSentence({ failure }: StatusDocument): string {
  if (failure === undefined)
    return "detected a crash last time the Livepatch kernel module was applied, check system logs with 'journalctl -k -b -1'";
  const sentence = Object.hasOwn(FAILURES, failure.code) ? FAILURES[failure.code as ErrorCode] : undefined;
  return sentence ?? `failed to apply live kernel patch ${failure.version}`;
}
