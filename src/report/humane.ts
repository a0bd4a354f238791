import type { ErrorCode } from '../errors.ts';
import { printable } from '../text.ts';
import type { Hold } from '../types.ts';
import type { StatusDocument } from './document.ts';
import { ago, goDuration, noticeOf, wholeSeconds } from './format.ts';

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
    ['stacked on', document.stack.slice(0, -1).join(', ') || undefined],
    ['failed', document.failure && `patch ${document.failure.version}: ${document.failure.message}`],
    ['withdrawn', withdrawn(document)],
    ['also in the kernel', document.others.join(', ') || undefined],
    ['state file', document.stateError],
    ['kill switch', killSwitch(document)],
    ...(options.verbose ? document.held.flatMap(heldInFull) : heldInShort(document.held)),
    ['tier', document.tier],
    ['machine id', document.machineId],
    ['machine token', document.machineToken?.reveal()],
    ...(options.verbose ? details(document) : []),
  ];
  const text = lines.flatMap(([label, value]) => (value === undefined ? [] : `${label}: ${value}`));
  if (options.verbose && document.blocked.length > 0) text.push('', ...blockedBlock(document));
  return text.map((line) => printable(line)).join('\n');
}

/** All that matters in one line, for people. */
export function renderSummary(document: StatusDocument): string {
  const version = document.version === '' ? '' : ` (patch version ${document.version})`;
  const patch = patchState(document);
  const support = kernelState(document);
  const parts = [
    `${document.kernel}: ${patch}${version}`,
    ...(support === patch ? [] : [support]),
    ...misgivings(document),
  ];
  return printable(parts.join('; '));
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

/** The newest, which is the one that would be applied, and all that stays open. */
function heldInShort(held: readonly Hold[]): Line[] {
  const [newest, ...older] = held;
  if (newest === undefined) return [];
  const more = older.length === 0 ? '' : ` (and ${older.length} older, see --verbose)`;
  const missed = new Set(held.flatMap((hold) => hold.missed));
  return [
    ['held back', `${newest.message}${more}`],
    ['missed', [...missed].join(', ') || undefined],
  ];
}

function heldInFull({ message, missed, releasedAt, version }: Hold): Line[] {
  return [
    ['held back', message],
    [
      'missed',
      missed.length === 0
        ? undefined
        : `${missed.join(', ')} (${sourceOf(version)}, released ${wholeSeconds(releasedAt)})`,
    ],
  ];
}

/** What an administrator who set the option has to know about it. */
function blockedBlock({ blocked, version }: StatusDocument): string[] {
  return [
    '[!] KERNEL PATCHES BLOCKED: SECURITY RISK DETECTED',
    ...blocked.flatMap((patch) => [
      `blocked by: ${patch.option}`,
      `blocked notice: ${sourceOf(patch.version)}, released ${wholeSeconds(patch.releasedAt)}`,
      ...patch.cves.map(
        (name) => `${name}: published ${patch.releasedAt.slice(0, 10)}, ${sourceOf(patch.version)}`,
      ),
    ]),
    ...(version === '' ? [] : [`An older patch has been installed instead: ${sourceOf(version)}`]),
  ];
}

function sourceOf(version: string): string {
  return noticeOf(version) ?? `patch ${version}`;
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

function withdrawn({ withdrawn: versions }: StatusDocument): string | undefined {
  if (versions.length === 0) return undefined;
  return `✗ patch ${versions.join(', ')} was withdrawn and is still in use; 'sudo canonical-livepatch revert' takes it out`;
}

/** Only when it is on. */
function killSwitch({ mode: { apply, contact, sources } }: StatusDocument): string | undefined {
  if (apply && contact) return undefined;
  const effects = [...(contact ? [] : ['no check-in is made']), ...(apply ? [] : ['no patch is applied'])];
  return `⧗ ${effects.join(' and ')}: canonical_livepatch_mode is set in ${sources.join(' and ')}`;
}

function kernelState(document: StatusDocument): string {
  const { kernel, support, upgradeReason, upgradeRequiredDate: date } = document;
  const series = /^\d+\.\d+/.exec(kernel)?.[0] ?? kernel;
  switch (support) {
    case 'supported':
      return date === undefined
        ? `✓ kernel series ${series} is covered by Livepatch`
        : `✓ kernel ${kernel} is covered by Livepatch until ${date}, please install available kernel updates and reboot before then`;
    case 'kernel-upgrade-required':
      return upgradeReason === 'vulnerability'
        ? vulnerable(document)
        : `✗ Livepatch coverage ended ${date}; please upgrade the kernel and reboot`;
    case 'kernel-end-of-life':
      return '✗ kernel is no longer covered by Livepatch';
    case 'unsupported':
      return '✗ kernel is not covered by Livepatch';
    case 'unknown':
      return '✗ unable to determine kernel support status; a check-in with the server has to succeed first';
  }
}

/** Beside a patch in use, whose state is its own, only the kernel's state can say it. */
function vulnerable({ kernel }: StatusDocument): string {
  return `✗ kernel ${kernel} contains a vulnerability that cannot be remediated with live kernel patching, please upgrade and reboot`;
}

function patchState(document: StatusDocument): string {
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
      return vulnerable(document);
    case 'unknown':
      return unknown(document);
  }
}

function unknown({ missing, upgraded }: StatusDocument): string {
  if (missing.length > 0)
    return `✗ patch ${missing.join(', ')} was applied and is no longer in use, please check system logs with 'journalctl -t kernel'`;
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
