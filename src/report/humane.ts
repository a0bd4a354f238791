import type { Hold } from '../types.ts';
import type { StatusDocument } from './document.ts';
import { ago, goDuration, noticeOf, wholeSeconds } from './format.ts';
import { plain } from './plain.ts';
import { kernelState, patchState } from './sentences.ts';

type Line = [label: string, value: string | undefined];

/** The document for people. Every line holds a colon: Landscape drops the whole output otherwise. */
export function renderHumane(document: StatusDocument, options: { verbose: boolean }): string {
  const lines: Line[] = [
    ['last check', since(document.lastCheck, document.now)],
    ['kernel', document.kernel],
    ['server check-in', checkIn(document)],
    ['last good check', lastGoodCheck(document)],
    ['catalogue', catalogue(document, options)],
    ['kernel state', kernelState(document)],
    ['patch state', patchState(document)],
    ['patch version', document.version || undefined],
    ['stacked on', document.stack.slice(0, -1).join(', ') || undefined],
    ['no longer in use', missing(document)],
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
  return text.map((line) => plain(line)).join('\n');
}

/** All that matters in one line, for people. */
export function renderSummary(document: StatusDocument): string {
  const version = document.version === '' ? '' : ` (patch version ${document.version})`;
  const parts = [
    `${document.kernel}: ${patchState(document)}${version}`,
    kernelState(document),
    ...misgivings(document),
  ];
  return plain(parts.join('; '));
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

/** How old the newest state is that this machine knows of: to be told when it counts for nothing any more. */
function catalogue(
  { checkError, freshness, now }: StatusDocument,
  { verbose }: { verbose: boolean },
): string | undefined {
  const isExpired = freshness !== undefined && now >= new Date(freshness.expiresAt);
  // Of a check that failed, the line above tells why.
  if (freshness === undefined || !(verbose || (isExpired && checkError === undefined))) return undefined;
  const { expiresAt, renewedAt } = freshness;
  const renewed = renewedAt === undefined ? 'in time' : `since ${wholeSeconds(renewedAt)}`;
  if (isExpired)
    return `✗ has not been renewed ${renewed}, as far as is known here: it expired on ${wholeSeconds(expiresAt)}`;
  return `renewed ${since(renewedAt, now)}, good until ${wholeSeconds(expiresAt)}`;
}

function missing({ missing: versions }: StatusDocument): string | undefined {
  if (versions.length === 0) return undefined;
  return `✗ patch ${versions.join(', ')}, which was applied since the last boot`;
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
