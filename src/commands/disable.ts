import * as Flags from '@oclif/core/flags';
import { warn } from '../context.ts';
import { LivepatchCommand } from './base.ts';

export class Disable extends LivepatchCommand {
  static override summary = 'Stop patching this machine';
  static override description =
    'Removes the machine token, and tells the server when it can be reached. A patch that is in the kernel stays there until the next boot, unless --unpatch is given.';
  static override examples = ['sudo <%= config.bin %> disable', 'sudo <%= config.bin %> disable --unpatch'];
  static override flags = {
    unpatch: Flags.boolean({ summary: 'also take the live patch out of the running kernel' }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Disable);
    const { disable } = await import('../operations/disable.ts');
    const { machineToken, serverNotTold, stillPatched } = await disable(this.rootContext(), flags);
    if (serverNotTold !== undefined) warn(`the server could not be told: ${serverNotTold}`);
    if (stillPatched !== undefined) warn(`patch ${stillPatched} stays in the kernel until the next boot`);
    this.print(
      machineToken === undefined
        ? 'Machine is not enabled; there was nothing to disable.'
        : `Successfully disabled device. Removed machine-token: ${machineToken}`,
    );
  }
}
