import * as Flags from '@oclif/core/flags';
import { reporter, setUnattended } from '../context.ts';
import type { Result } from '../operations/carry-out.ts';
import type { LogLevel } from '../types.ts';
import { LivepatchCommand } from './base.ts';
import { resultSentence } from './result.ts';

export class Refresh extends LivepatchCommand {
  static override summary = 'Check now, and apply what is due';
  static override examples = [
    'sudo <%= config.bin %> refresh',
    {
      description: 'try a patch again that is blocked since the machine went down while it was being applied',
      command: 'sudo <%= config.bin %> refresh --retry-blocked',
    },
  ];
  static override flags = {
    boot: Flags.boolean({
      summary: 'first apply again what is on disk, without the network; for the boot service',
    }),
    timer: Flags.boolean({
      summary: 'keep to check-interval, and say nothing when all is well; for the timer',
    }),
    'retry-blocked': Flags.boolean({
      summary: 'try again what was blocked after a crash, a kernel bug or a revert',
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Refresh);
    const { refresh } = await import('../operations/refresh.ts');
    const { boot, timer } = flags;
    if (boot || timer) setUnattended();
    const result = await refresh(this.rootContext(), { boot, timer, retryBlocked: flags['retry-blocked'] });
    if (boot || timer) reporter.log(levelOf(result, boot), resultSentence(result));
    else this.print(resultSentence(result));
  }
}

/** A boot without its patch is worth a word in any journal; the hourly timer's need not repeat it. */
function levelOf({ action }: Result, boot: boolean): LogLevel {
  if (action === 'keep') return 'info';
  return boot && action === 'hold' ? 'warning' : 'notice';
}
