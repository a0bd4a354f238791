import * as Flags from '@oclif/core/flags';
import { status } from '../operations/status.ts';
import { quickWorld } from '../quick-world.ts';
import type { StatusDocument } from '../report/document.ts';
import { DirectCommand } from './direct.ts';

export class Status extends DirectCommand {
  static override summary = 'Show whether the running kernel is patched';
  static override description = 'Prints for people on a terminal, YAML into a pipe.';
  static override examples = ['<%= config.bin %> status', '<%= config.bin %> status --format json'];
  static override flags = {
    format: Flags.option({ options: ['humane', 'json', 'yaml'] as const, summary: 'how to print' })(),
    verbose: Flags.boolean({ summary: 'also client version, architecture, boot time and fixes' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Status);
    const format = flags.format ?? (process.stdout.isTTY ? 'humane' : 'yaml');
    this.log(await render(status(quickWorld(this.config.version)), format, flags.verbose));
  }
}

/** Each renderer is loaded only when it is asked for: the YAML library is not free. */
async function render(
  document: StatusDocument,
  format: 'humane' | 'json' | 'yaml',
  verbose: boolean,
): Promise<string> {
  switch (format) {
    case 'humane':
      return (await import('../report/humane.ts')).renderHumane(document, { verbose });
    case 'json':
      return (await import('../report/json.ts')).renderJson(document);
    case 'yaml':
      return (await import('../report/yaml.ts')).renderYaml(document);
  }
}
