import * as Flags from '@oclif/core/flags';
import { renderHistory } from '../report/history.ts';
import { jsonText } from '../report/json-text.ts';
import { LivepatchCommand } from './base.ts';

export class History extends LivepatchCommand {
  static override summary = 'Show what was applied, replaced, held back, refused and reverted, and why';
  static override description = 'The newest first. What an hourly refresh finds again and again stands once.';
  static override examples = [
    'sudo <%= config.bin %> history',
    {
      description: 'what was ever refused',
      command: 'sudo <%= config.bin %> history --format json | jq \'.[] | select(.what == "refused")\'',
    },
  ];
  static override flags = {
    format: Flags.option({
      options: ['humane', 'json'] as const,
      default: 'humane' as const,
      summary: 'how to print',
    })(),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(History);
    const history = this.rootContext().store.events.history();
    if (flags.format === 'json') this.print(jsonText(history));
    else if (history.length > 0) this.print(renderHistory(history));
    else this.logToStderr('Nothing has happened yet.');
  }
}
