import { PatchStateName, SupportName } from '../schemas.ts';
import type { StatusDocument } from './document.ts';
import { plain } from './plain.ts';

/**
 * The document as metrics, in the text format that node_exporter's textfile collector reads
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). A metric whose value is not known is left out.
 */
export function renderPrometheus(document: StatusDocument): string {
  const { architecture, clientVersion, kernel, tier, version } = document;
  return [
    metric('info', 'Versions of client, kernel and patch; always 1.', [
      [{ client_version: clientVersion, kernel, architecture, patch_version: version, tier: tier ?? '' }, 1],
    ]),
    metric('patch_state', 'How far patching got on the running kernel: 1 for the state it is in.', [
      ...oneHot('state', PatchStateName.options, document.patchState),
    ]),
    metric('kernel_support', 'Whether the running kernel is covered: 1 for what holds.', [
      ...oneHot('support', SupportName.options, document.support),
    ]),
    metric('last_check_success', 'Whether the last check-in with the server succeeded.', [
      ...(document.lastCheck === undefined ? [] : [number(document.checkError === undefined)]),
    ]),
    metric(
      'last_good_check_timestamp_seconds',
      'When a check-in last succeeded.',
      time(document.lastGoodCheck),
    ),
    metric(
      'catalogue_renewed_timestamp_seconds',
      'When the newest state of the catalogue that was seen was signed.',
      time(document.freshness?.renewedAt),
    ),
    metric(
      'catalogue_expires_timestamp_seconds',
      'When the newest state of the catalogue that was seen expires.',
      time(document.freshness?.expiresAt),
    ),
    metric(
      'supported_until_timestamp_seconds',
      'The date the running kernel is covered until.',
      time(document.upgradeRequiredDate),
    ),
    metric('patches_in_use', 'How many live patches of ours the kernel is patched with.', [
      [{}, document.stack.length],
    ]),
    metric('held_patches', 'How many patches are held back.', [[{}, document.held.length]]),
    metric('blocked_cves', 'Vulnerabilities that stay open because patches are held back.', [
      [{}, new Set(document.held.flatMap(({ missed }) => missed)).size],
    ]),
    metric('transition_in_progress', 'Whether the kernel is changing between two live patches.', [
      number(document.inTransition),
    ]),
    metric('transition_seconds', 'How long the last transition took.', [
      ...(document.transitionSeconds === undefined ? [] : [[{}, document.transitionSeconds] as Sample]),
    ]),
  ]
    .flat()
    .join('\n');
}

type Sample = [labels: Record<string, string>, value: number];

function metric(name: string, help: string, samples: Sample[]): string[] {
  if (samples.length === 0) return [];
  const lines = samples.map(([labels, value]) => `livepatch_${name}${labelled(labels)} ${value}`);
  return [`# HELP livepatch_${name} ${help}`, `# TYPE livepatch_${name} gauge`, ...lines];
}

function labelled(labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

/** A line feed would begin a sample of its own; of the rest, nothing is lost on a terminal. */
function escaped(text: string): string {
  return plain(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"');
}

function oneHot(label: string, names: readonly string[], current: string): Sample[] {
  return names.map((name) => [{ [label]: name }, Number(name === current)]);
}

function number(yes: boolean): Sample {
  return [{}, Number(yes)];
}

function time(text: string | undefined): Sample[] {
  return text === undefined ? [] : [[{}, Date.parse(text) / 1000]];
}
