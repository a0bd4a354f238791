import * as Flags from '@oclif/core/flags';
import { LivepatchError, messageOf } from '../errors.ts';
import { status } from '../operations/status.ts';
import { readOnlyContext } from '../read-only-context.ts';
import { type KernelUpgrade, kernelUpgrade } from '../report/kernel-upgrade.ts';
import { DirectCommand } from './direct.ts';

/** The exit status is the answer; other programs branch on it. */
const EXIT_STATUS: Record<KernelUpgrade['answer'], number> = {
  recommended: 0,
  'can-wait': 1,
  'not-enough-information': 2,
};
const FAILED = 3;

export class KernelUpgradeRequired extends DirectCommand {
  static override summary = 'Tell, by the exit status, whether to reboot into a newer kernel';
  static override description =
    `Ends with 0 when a reboot into a newer kernel is recommended: a vulnerability cannot be remedied live, or the kernel is not covered.
Ends with 1 when a reboot can wait, with 2 when there is not enough information, with 3 after an error.

Asks nobody, waits for nothing, and needs no root, so that it can run at every login.`;
  static override examples = [
    '<%= config.bin %> kernel-upgrade-required',
    {
      description: 'reboot at night, when it is needed',
      command: '<%= config.bin %> kernel-upgrade-required > /dev/null && sudo shutdown -r 02:00',
    },
    {
      description: 'a notice at login: a file in /etc/update-motd.d',
      command: '<%= config.bin %> kernel-upgrade-required --motd',
    },
  ];
  static override flags = {
    motd: Flags.boolean({
      summary: 'print a notice when an upgrade is recommended, else nothing; always end with 0',
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(KernelUpgradeRequired);
    const document = status(readOnlyContext(this.config.version), { showCves: false });
    if (document.stateError !== undefined) throw new LivepatchError('storage', document.stateError);
    const { answer, reason } = kernelUpgrade(document);
    const sentence = `kernel ${document.kernel}: ${reason}`;
    if (flags.motd) {
      if (answer === 'recommended') this.print(notice(sentence));
      return;
    }
    this.print(sentence);
    process.exitCode = EXIT_STATUS[answer];
  }

  /** A login never fails because of us, and whatever goes wrong is none of the three answers. */
  protected override async catch(error: Error): Promise<void> {
    if (this.argv.includes('--motd')) return;
    const notEnabled = error instanceof LivepatchError && error.code === 'not-enabled';
    this.logToStderr(messageOf(error));
    process.exitCode = notEnabled ? EXIT_STATUS['not-enough-information'] : FAILED;
  }
}

/** Free lines around it, among the other notices of a login. */
function notice(sentence: string): string {
  return `\n *** Livepatch: a kernel upgrade is required ***\n *** ${sentence}; please upgrade the kernel and reboot ***\n`;
}
