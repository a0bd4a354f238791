import * as Flags from '@oclif/core/flags';
import { status } from '../operations/status.ts';
import { configIfThere, readOnlyContext } from '../read-only-context.ts';
import type { StatusDocument } from '../report/document.ts';
import { plain } from '../report/plain.ts';
import { UP_TO_DATE, upToDate } from '../report/up-to-date.ts';
import { DirectCommand } from './direct.ts';

const FORMATS = ['humane', 'json', 'yaml', 'prometheus'] as const;
type Format = (typeof FORMATS)[number];

export class Status extends DirectCommand {
  static override summary = 'Show whether the running kernel is patched';
  static override description =
    `Prints for people on a terminal, YAML into a pipe. Asks nobody, and needs no root.

Ends with 1 and prints nothing to standard output when the machine is not enabled. With --exit-status, ends with
0 when every live patch that is known for this kernel is in use, as of a recent check,
2 when a newer patch is waiting, being applied or held back,
3 when the last check failed or is too long ago, so that this is not known,
4 when a patch could not be applied, made trouble or is no longer in use,
5 when the kernel is not covered or has to be upgraded.`;
  static override examples = [
    '<%= config.bin %> status',
    { description: 'one line, for a prompt or a table', command: '<%= config.bin %> status --summary' },
    {
      description: 'the state alone, for a script',
      command: "<%= config.bin %> status --format json | jq -r '.Status[0].Livepatch.State'",
    },
    {
      description: 'whether this machine is patched up to date, without parsing',
      command: '<%= config.bin %> status --exit-status > /dev/null || echo "look at $(hostname)"',
    },
    {
      description: "metrics for node_exporter's textfile collector, run in its directory",
      command:
        '<%= config.bin %> status --format prometheus > livepatch.$$ && mv livepatch.$$ livepatch.prom',
    },
  ];
  static override flags = {
    format: Flags.option({ options: FORMATS, summary: 'how to print' })(),
    summary: Flags.boolean({ summary: 'one line for people; json, yaml and prometheus are always whole' }),
    verbose: Flags.boolean({
      summary: 'also client version, architecture, boot time, fixes and what is blocked',
    }),
    'exit-status': Flags.boolean({ summary: 'answer by the exit status, too, whether all is patched' }),
    'show-secrets': Flags.boolean({ summary: 'also the machine token; only for root' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Status);
    const showSecrets = flags['show-secrets'];
    if (showSecrets) this.requireRoot();
    const context = readOnlyContext(this.config.version);
    await context.kernel.requirePlugs();
    const usual = process.stdout.isTTY || flags.summary ? 'humane' : 'yaml';
    const format = flags.format ?? usual;
    const isJson = format === 'json';
    const document = status(context, { showSecrets, showCves: isJson, showInstalled: isJson });
    await tell([
      ...document.warnings,
      ...(document.stateError === undefined ? [] : [document.stateError]),
      ...(format === 'humane' ? await warningsOfConfig() : []),
    ]);
    this.print(await render(document, format, flags));
    if (flags['exit-status']) process.exitCode = UP_TO_DATE[upToDate(document)];
  }
}

/** Each once: the last check may have found what is still so. */
async function tell(warnings: readonly string[]): Promise<void> {
  if (warnings.length === 0) return;
  const { warn } = await import('../context.ts');
  for (const warning of new Set(warnings)) warn(plain(warning));
}

/**
 * What is wrong in the configuration now. For people alone, and only for root, who may read it: a program that asks
 * for the state need not wait for a file to be parsed.
 */
async function warningsOfConfig(): Promise<string[]> {
  const config = process.getuid?.() === 0 ? configIfThere() : undefined;
  if (config === undefined) return [];
  const { warnOfRisks } = await import('../operations/configure.ts');
  const warnings: string[] = [];
  warnOfRisks({ store: { config: await config }, warn: (text) => void warnings.push(text) });
  return warnings;
}

/** Each renderer is loaded only when it is asked for: the YAML library is not free. */
async function render(
  document: StatusDocument,
  format: Format,
  options: { summary: boolean; verbose: boolean },
): Promise<string> {
  switch (format) {
    case 'humane': {
      const { renderHumane, renderSummary } = await import('../report/humane.ts');
      return options.summary ? renderSummary(document) : renderHumane(document, options);
    }
    case 'json':
      return (await import('../report/json.ts')).renderJson(document);
    case 'yaml':
      return (await import('../report/yaml.ts')).renderYaml(document);
    case 'prometheus':
      return (await import('../report/prometheus.ts')).renderPrometheus(document);
  }
}
