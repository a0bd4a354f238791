import * as Flags from '@oclif/core/flags';
import { LivepatchCommand } from './base.ts';
import { outcomeSentence } from './outcome.ts';

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
    'retry-blocked': Flags.boolean({
      summary: 'try again what was blocked after a crash, a kernel bug or a revert',
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Refresh);
    const { refresh } = await import('../operations/refresh.ts');
    const options = { boot: flags.boot, retryBlocked: flags['retry-blocked'] };
    this.log(outcomeSentence(await refresh(this.rootWorld(), options)));
  }
}
