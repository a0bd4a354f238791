import * as Flags from '@oclif/core/flags';
import { warn } from '../context.ts';
import { LivepatchCommand } from './base.ts';

export class Revert extends LivepatchCommand {
  static override summary = 'Take the live patch out of the running kernel, without a reboot';
  static override description =
    'The machine stays enabled. What was taken out is not applied again; a newer patch is, and so is this one after refresh --retry-blocked.';
  static override examples = [
    'sudo <%= config.bin %> revert',
    {
      description: 'also take out live patches that this client knows nothing of',
      command: 'sudo <%= config.bin %> revert --all',
    },
  ];
  static override flags = {
    all: Flags.boolean({
      summary: 'take out every live patch, also those that this client did not put into the kernel',
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Revert);
    const { revert } = await import('../operations/revert.ts');
    const { notOurs, patches, stillLoaded, unloaded } = await revert(this.rootContext(), flags);
    for (const module of stillLoaded) warn(`${module} is out of use, and stays loaded until the next boot`);
    const reverted = [
      ...patches.map(({ version }) => `patch ${version}`),
      ...notOurs.map((module) => `${module} (not ours)`),
    ];
    if (reverted.length > 0) this.print(`reverted: ${reverted.join(', ')}`);
    else if (unloaded.length > 0) this.print(`unloaded what was out of use: ${unloaded.join(', ')}`);
    else this.print('nothing to revert: no live patch of ours is in use');
  }
}
