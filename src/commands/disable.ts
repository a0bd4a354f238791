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
    const disabled = await disable(this.rootContext(), flags);
    const { machineToken, serverNotTold, stillLoaded, stillPatched, wasEnabled } = disabled;
    if (serverNotTold !== undefined) warn(`the server could not be told: ${serverNotTold}`);
    for (const version of stillPatched) warn(`patch ${version} stays in the kernel until the next boot`);
    for (const module of stillLoaded) warn(`${module} is out of use, and stays loaded until the next boot`);
    if (!wasEnabled) return this.print('Machine is not enabled; there was nothing to disable.');
    this.print(`Successfully disabled device. Removed machine-token: ${machineToken ?? '(unreadable)'}`);
  }
}
