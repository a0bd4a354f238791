import * as Flags from '@oclif/core/flags';
import { LivepatchError, messageOf } from '../errors.ts';
import { status } from '../operations/status.ts';
import { readOnlyContext } from '../read-only-context.ts';
import { kernelUpgradeOutput, rebootCanWait } from '../report/kernel-upgrade.ts';
import { DirectCommand } from './direct.ts';

const NOT_ENOUGH_INFORMATION = 2;
const FAILED = 3;

export class KernelUpgradeRequired extends DirectCommand {
  static override summary = 'Tell, by the exit status, whether to reboot into a newer kernel';
  static override description =
    `Ends with 0 when a reboot into a newer kernel is recommended: the running one is not covered, has a vulnerability that cannot be remedied live, or does not take its patch, and a newer one is installed.
Ends with 1 when a reboot can wait, which is never said otherwise than by status. Ends with 2 when there is not enough information, or when no newer kernel is installed that a reboot would lead to, with 3 after an error.

Prints to standard output only when a reboot is recommended, except on a terminal. Asks nobody, waits for nothing, and needs no root, so that it can run at every login.`;
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
      summary: 'print a notice when a kernel upgrade is required, else nothing; always end with 0',
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(KernelUpgradeRequired);
    const context = readOnlyContext(this.config.version);
    const known = status(context);
    // Which kernels are installed takes a large file to tell, and logins wait for this.
    const document = rebootCanWait(known) ? known : status(context, { showInstalled: true });
    if (document.stateError !== undefined) throw new LivepatchError('storage', document.stateError);
    const isTerminal = process.stdout.isTTY === true;
    const { exitStatus, stderr, stdout } = kernelUpgradeOutput(document, { isTerminal, motd: flags.motd });
    if (stdout !== undefined) this.print(stdout);
    if (stderr !== undefined) this.logToStderr(stderr);
    process.exitCode = exitStatus;
  }

  /** A login never fails because of us, and whatever goes wrong is none of the three answers. */
  protected override async catch(error: Error): Promise<void> {
    if (this.argv.includes('--motd')) return;
    const notEnabled = error instanceof LivepatchError && error.code === 'not-enabled';
    this.logToStderr(messageOf(error));
    process.exitCode = notEnabled ? NOT_ENOUGH_INFORMATION : FAILED;
  }
}
