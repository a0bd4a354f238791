import * as Args from '@oclif/core/args';
import { withdraw } from '../catalogue/entries.ts';
import { CATALOGUE_FLAGS, CatalogueCommand, KEY_FLAGS, SCOPE_FLAGS } from '../catalogue-command.ts';

export class Withdraw extends CatalogueCommand {
  static override summary = 'Withdraw a patch: no machine applies it any more, at boot neither';
  static override examples = [
    '<%= config.bin %> withdraw 121.1 --keys keys',
    '<%= config.bin %> withdraw 121.1 --kernel 6.8.0-1047.50-aws --keys keys',
  ];
  static override args = {
    version: Args.string({ description: 'the version of the patch', required: true }),
  };
  static override flags = { ...CATALOGUE_FLAGS, ...KEY_FLAGS, ...SCOPE_FLAGS };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Withdraw);
    await this.change(flags, async (repository) => {
      const changed = withdraw(repository, args.version, flags, this.progress('looked through'));
      const kernels = changed.map(({ architecture, kernel }) => ({ kernel, architecture }));
      return [
        { withdrawn: args.version, kernels },
        [`withdrawn: patch ${args.version} of ${kernels.map(({ kernel }) => kernel).join(', ')}`],
      ];
    });
  }
}
