import type { ErrorCode } from '../errors.ts';
import type { StatusDocument } from './document.ts';
import { ago, goDuration } from './words.ts';

/** The document for people. Every line holds a colon: Landscape drops the whole output otherwise. */
export function renderHumane(document: StatusDocument, options: { verbose: boolean }): string {
  const lines: [string, string | undefined][] = [
    [
      'last check',
      document.lastCheck === undefined ? 'never' : ago(new Date(document.lastCheck), document.now),
    ],
    ['kernel', document.kernel],
    ['server check-in', checkIn(document)],
    ['kernel state', kernelState(document)],
    ['patch state', patchState(document)],
    ['patch version', document.version || undefined],
    ['also in the kernel', document.others.join(', ') || undefined],
    ['record', document.recordError],
    ['held back', document.held?.message],
    ['missed', document.held?.missed.join(', ') || undefined],
    ['tier', document.tier],
    ['machine id', document.machineId],
  ];
  if (options.verbose) {
    lines.push(
      ['client version', document.clientVersion],
      ['architecture', document.architecture],
      ['boot time', `${document.bootTime} (up ${goDuration(document.uptimeSeconds)})`],
      ...document.fixes.map(({ name, patched }): [string, string] => [
        'fixes',
        `${name}${patched ? '' : ' (unpatched)'}`,
      ]),
    );
  }
  return lines.flatMap(([label, value]) => (value === undefined ? [] : `${label}: ${value}`)).join('\n');
}

function checkIn({ checkError, lastCheck }: StatusDocument): string {
  if (lastCheck === undefined) return 'not yet';
  return checkError === undefined ? 'succeeded' : `failed: ${checkError}`;
}

function kernelState({ kernel, support, upgradeRequiredDate: date }: StatusDocument): string {
  const series = /^\d+\.\d+/.exec(kernel)?.[0] ?? kernel;
  switch (support) {
    case 'supported':
      return date === undefined
        ? `✓ kernel series ${series} is covered by Livepatch`
        : `✓ kernel ${kernel} is covered by Livepatch until ${date}, please install available kernel updates and reboot before then`;
    case 'kernel-upgrade-required':
      return date === undefined
        ? '✗ Livepatch coverage has ended; please upgrade the kernel and reboot'
        : `✗ Livepatch coverage ended ${date}; please upgrade the kernel and reboot`;
    case 'kernel-end-of-life':
      return '✗ kernel is no longer covered by Livepatch';
    case 'unsupported':
      return '✗ kernel is not covered by Livepatch';
    case 'unknown':
      return '✗ unable to determine kernel support status; a check-in with the server has to succeed first';
  }
}

function patchState({ failure, held, kernel, patchState: state }: StatusDocument): string {
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
      return `✗ ${held === undefined ? failureSentence(failure?.code) : CRASHED}`;
    case 'nothing-to-apply':
      return `✓ no live kernel patches available for kernel ${kernel}`;
    case 'kernel-upgrade-required':
      return `✗ kernel ${kernel} contains a vulnerability that cannot be remediated with live kernel patching, please upgrade and reboot`;
    case 'unknown':
      return "✗ unknown error occurred, please check system logs with 'journalctl -t kernel'";
  }
}

const CRASHED =
  "detected a crash last time the Livepatch kernel module was applied, check system logs with 'journalctl -k -b -1'";

const FAILURES: Partial<Record<ErrorCode, string>> = {
  signature: 'failed to verify the signature of the Livepatch kernel module',
  archive: 'failed to extract information about the Livepatch kernel module',
  metadata: 'failed to extract information about the Livepatch kernel module',
  module: 'failed to extract information about the Livepatch kernel module',
  'trust-anchors': 'failed to load certificate used to verify the signature of the Livepatch kernel module',
  transition: 'failed to confirm that the Livepatch kernel module was applied successfully',
};

function failureSentence(code: string | undefined): string {
  return (
    FAILURES[code as ErrorCode] ??
    "unknown error occurred, please check system logs with 'journalctl -t kernel'"
  );
}
