import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { LivepatchError } from '../errors.ts';
import { resultSentence } from '../report/result.ts';
import { LivepatchCommand } from './base.ts';

export class Apply extends LivepatchCommand {
  static override summary = 'Apply patch files from disk';
  static override description =
    'Each file is verified and guarded like one that a server offers: it must be signed by a pinned certificate, be made for the running kernel, and be no older than what was applied. cutoff-date, patch-delay and phases do not count, because you ask. Works without a server and without being enabled. The patch is applied again at every boot, until something newer comes from the server, or until revert.';
  static override examples = [
    'sudo <%= config.bin %> apply livepatch-6.1.0-56-amd64-121.1-amd64.tar.gz',
    { description: 'from standard input', command: 'sudo <%= config.bin %> apply - < patch.tar.gz' },
    {
      description: 'see whether it would be applied',
      command: 'sudo <%= config.bin %> apply --dry-run patch.tar.gz',
    },
  ];
  static override args = {
    files: Args.string({ required: true, multiple: true, description: "patch files; '-' is standard input" }),
  };
  static override flags = {
    'dry-run': Flags.boolean({ summary: 'say what would be done next, and leave the kernel alone' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Apply);
    const { apply } = await import('../operations/apply.ts');
    const context = this.rootContext();
    await this.warnOfConfig(context);
    const result = await apply(context, args.files, { dryRun: flags['dry-run'] });
    if (result.kind === 'held') {
      throw new LivepatchError('held', resultSentence(result), {
        hint: "'canonical-livepatch status --verbose' shows all that is held back.",
      });
    }
    this.print(resultSentence(result));
  }
}
