import type { ErrorCode } from '../errors.ts';
import type { Blocked, StatusDocument } from './document.ts';
import { ago, goDuration, wholeSeconds } from './format.ts';

type Line = [label: string, value: string | undefined];

/** The document for people. Every line holds a colon: Landscape drops the whole output otherwise. */
export function renderHumane(document: StatusDocument, options: { verbose: boolean }): string {
  const lines: Line[] = [
    ['last check', since(document.lastCheck, document.now)],
    ['kernel', document.kernel],
    ['server check-in', checkIn(document)],
    ['last good check', lastGoodCheck(document)],
    ['kernel state', kernelState(document)],
    ['patch state', patchState(document)],
    ['patch version', document.version || undefined],
    ['failed', document.failure && `patch ${document.failure.version}: ${document.failure.message}`],
    ['also in the kernel', document.others.join(', ') || undefined],
    ['record', document.stateError],
    ['held back', document.held?.message],
    ['missed', document.held?.missed.join(', ') || undefined],
    ['tier', document.tier],
    ['machine id', document.machineId],
    ['machine token', document.machineToken?.reveal()],
    ...(options.verbose ? details(document) : []),
  ];
  const text = lines.flatMap(([label, value]) => (value === undefined ? [] : `${label}: ${value}`));
  if (options.verbose && document.blocked !== undefined) text.push('', ...blockedBlock(document.blocked));
  return text.join('\n');
}

/** All that matters in one line, for people. */
export function renderSummary(document: StatusDocument): string {
  const version = document.version === '' ? '' : ` (patch version ${document.version})`;
  return [
    `${document.kernel}: ${patchState(document)}${version}`,
    kernelState(document),
    ...misgivings(document),
  ].join('; ');
}

function misgivings({ checkError, lastGoodCheck, now, outdated }: StatusDocument): string[] {
  if (outdated) return [`✗ no check has succeeded since ${since(lastGoodCheck, now)}`];
  return checkError === undefined ? [] : ['✗ the last check failed'];
}

function details({ architecture, bootTime, clientVersion, fixes, uptimeSeconds }: StatusDocument): Line[] {
  return [
    ['client version', clientVersion],
    ['architecture', architecture],
    ['boot time', `${wholeSeconds(bootTime)} (up ${goDuration(uptimeSeconds)})`],
    ...fixes.map(({ name, patched }): Line => ['fixes', `${name}${patched ? '' : ' (unpatched)'}`]),
  ];
}

/** What an administrator who set the option has to know about it. */
function blockedBlock({ cves, notice, option, published, version }: Blocked): string[] {
  const source = notice ?? `patch ${version}`;
  return [
    '[!] KERNEL PATCHES BLOCKED: SECURITY RISK DETECTED',
    `blocked by: ${option}`,
    `blocked notice: ${source}`,
    ...cves.map((name) => `${name}: published ${published ?? 'at an unknown date'}, ${source}`),
  ];
}

function since(time: string | undefined, now: Date): string {
  return time === undefined ? 'never' : ago(new Date(time), now);
}

function checkIn({ checkError, lastCheck }: StatusDocument): string {
  if (lastCheck === undefined) return 'not yet';
  return checkError === undefined ? 'succeeded' : `failed: ${checkError}`;
}

/** Only where `last check` does not say it already, or where it is too long ago. */
function lastGoodCheck({
  checkError,
  lastGoodCheck: last,
  now,
  outdated,
}: StatusDocument): string | undefined {
  if (outdated)
    return `✗ ${since(last, now)}, which is too long: patches may be missing, run 'sudo canonical-livepatch refresh'`;
  return checkError === undefined ? undefined : since(last, now);
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

function patchState(document: StatusDocument): string {
  const { failure, held, kernel, patchState: state, support, upgraded } = document;
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
      return `✗ ${failure === undefined && held !== undefined ? CRASHED : failureSentence(failure?.code)}`;
    case 'nothing-to-apply':
      return `✓ no live kernel patches available for kernel ${kernel}`;
    case 'kernel-upgrade-required':
      return `✗ kernel ${kernel} contains a vulnerability that cannot be remediated with live kernel patching, please upgrade and reboot`;
    case 'unknown':
      if (upgraded) return '✓ kernel upgraded after a reboot';
      return support === 'unknown'
        ? '⧗ not known before a check-in with the server has succeeded'
        : `✗ ${UNKNOWN}`;
  }
}

const UNKNOWN = "unknown error occurred, please check system logs with 'journalctl -t kernel'";
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
  return FAILURES[code as ErrorCode] ?? UNKNOWN;
}
