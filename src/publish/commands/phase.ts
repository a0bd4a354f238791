import * as Args from '@oclif/core/args';
import { LivepatchError } from '../../errors.ts';
import { setReach } from '../catalogue/entries.ts';
import {
  CATALOGUE_FLAGS,
  CatalogueCommand,
  KEY_FLAGS,
  REACH_FLAGS,
  SCOPE_FLAGS,
} from '../catalogue-command.ts';

export class Phase extends CatalogueCommand {
  static override summary = 'Say how many machines, or which tier, take a patch by themselves';
  static override examples = [
    '<%= config.bin %> phase 121.1 50 --keys keys',
    '<%= config.bin %> phase 121.1 --tier stable --keys keys',
  ];
  static override args = {
    version: Args.string({ description: 'the version of the patch', required: true }),
    percent: Args.integer({ description: 'per cent of machines; 100 is all', min: 0, max: 100 }),
  };
  static override flags = { ...CATALOGUE_FLAGS, ...KEY_FLAGS, ...SCOPE_FLAGS, tier: REACH_FLAGS.tier };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Phase);
    const reach = { phase: args.percent, tier: flags.tier };
    if (reach.phase === undefined && reach.tier === undefined) {
      throw new LivepatchError('usage', 'a percentage or --tier is missing');
    }
    await this.change(flags, async (repository) => {
      const changed = setReach(repository, args.version, flags, reach, this.progress('looked through'));
      const kernels = changed.map(({ architecture, kernel }) => ({ kernel, architecture }));
      return [
        { version: args.version, ...reach, kernels },
        [`changed: patch ${args.version} of ${kernels.map(({ kernel }) => kernel).join(', ')}`],
      ];
    });
  }
}
