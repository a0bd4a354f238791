import * as Flags from '@oclif/core/flags';
import { reporter, setUnattended } from '../context.ts';
import { type RefreshResult, resultSentence } from '../report/result.ts';
import type { LogLevel } from '../types.ts';
import { LivepatchCommand } from './base.ts';

export class Refresh extends LivepatchCommand {
  static override summary = 'Check now, and apply what is due';
  static override examples = [
    'sudo <%= config.bin %> refresh',
    {
      description: 'see what it would do',
      command: 'sudo <%= config.bin %> refresh --dry-run',
    },
    {
      description: 'try a patch again that is blocked since the machine went down while it was being applied',
      command: 'sudo <%= config.bin %> refresh --retry-blocked',
    },
  ];
  static override flags = {
    boot: Flags.boolean({
      summary: 'first apply again what is on disk, without the network; for the boot service',
      exclusive: ['timer'],
    }),
    timer: Flags.boolean({
      summary: 'keep to check-interval, and say nothing when all is well; for the timer',
    }),
    'retry-blocked': Flags.boolean({
      summary: 'try again what was blocked after a crash, a kernel bug or a revert',
    }),
    'skip-phase': Flags.boolean({
      summary: "do not wait for this machine's turn when a patch is released in phases",
    }),
    'dry-run': Flags.boolean({ summary: 'say what would be done next, and leave the kernel alone' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Refresh);
    const { refresh } = await import('../operations/refresh.ts');
    const { boot, timer } = flags;
    if (boot || timer) setUnattended();
    const context = this.rootContext();
    await this.warnOfConfig(timer ? { ...context, warn: notice } : context);
    const result = await refresh(context, {
      occasion: boot ? 'boot' : timer ? 'timer' : 'person',
      retryBlocked: flags['retry-blocked'],
      skipPhase: flags['skip-phase'],
      dryRun: flags['dry-run'],
    });
    if (boot || timer) reporter.log(levelOf(result, boot), resultSentence(result));
    else this.print(resultSentence(result));
  }
}

/** What a boot has warned of, the hourly timer need not repeat. */
function notice(text: string): void {
  reporter.log('notice', text);
}

/** A boot without its patch is a warning in any journal; the hourly timer's need not repeat it. */
function levelOf({ kind }: RefreshResult, boot: boolean): LogLevel {
  if (kind === 'kept') return 'info';
  return boot && kind === 'held' ? 'warning' : 'notice';
}
