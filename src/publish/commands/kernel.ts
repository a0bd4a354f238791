import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import * as v from 'valibot';
import { LivepatchError } from '../../errors.ts';
import { KernelVersion, SupportName } from '../../schemas.ts';
import { setKernel } from '../catalogue/entries.ts';
import {
  architectureOf,
  CATALOGUE_FLAGS,
  CatalogueCommand,
  KEY_FLAGS,
  readInput,
} from '../catalogue-command.ts';

export class Kernel extends CatalogueCommand {
  static override summary = 'Say whether a kernel is supported, until when, and what newer packages fix';
  static override examples = [
    '<%= config.bin %> kernel 6.8.0-1047.50-aws amd64 --support supported --until 2027-03-19 --keys keys',
  ];
  static override args = {
    release: Args.string({ description: 'the kernel, as clients name it', required: true }),
    architecture: Args.string({ description: 'amd64, arm64 or s390x', required: true }),
  };
  static override flags = {
    ...CATALOGUE_FLAGS,
    ...KEY_FLAGS,
    support: Flags.option({ summary: 'whether you stand behind it', options: SupportName.options })(),
    until: Flags.string({ summary: 'the day when its support ends, such as 2027-03-19' }),
    cves: Flags.string({ summary: 'a JSON file of what newer kernel packages fix' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Kernel);
    const { cves, support, until } = flags;
    const architecture = architectureOf(args.architecture);
    if (!v.is(KernelVersion, args.release)) throw new LivepatchError('usage', 'this is no kernel version');
    if (until !== undefined && !v.is(v.pipe(v.string(), v.isoDate()), until)) {
      throw new LivepatchError('usage', '--until must be a day, such as 2027-03-19');
    }
    const facts = {
      support,
      upgradeRequiredDate: until,
      cves: cves === undefined ? undefined : readInput(cves),
    };
    await this.change(flags, async (repository) => {
      const index = setKernel(repository, args.release, architecture, facts);
      const end = index.upgradeRequiredDate === undefined ? '' : ` until ${index.upgradeRequiredDate}`;
      return [
        {
          kernel: index.kernel,
          architecture,
          support: index.support,
          until: index.upgradeRequiredDate,
          cves: index.cves,
        },
        [`kernel ${index.kernel}, ${architecture}: ${index.support}${end}`],
      ];
    });
  }
}
