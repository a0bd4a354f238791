import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { LIMITS } from '../../limits.ts';
import { addPatch } from '../catalogue/entries.ts';
import {
  CATALOGUE_FLAGS,
  CatalogueCommand,
  certificatesAt,
  KEY_FLAGS,
  REACH_FLAGS,
  readInput,
} from '../catalogue-command.ts';

export class Add extends CatalogueCommand {
  static override summary = 'Add a patch file to a catalogue, after proving it as machines do';
  static override examples = [
    '<%= config.bin %> add livepatch-6.8.0-1047.50-aws-121.1-amd64.tar.gz --keys keys --certificate cert.pem',
    {
      description: 'for a tenth of the machines at first',
      command: '<%= config.bin %> add PATCHFILE --keys keys --certificate cert.pem --phase 10',
    },
  ];
  static override args = { file: Args.string({ description: 'the patch file', required: true }) };
  static override flags = {
    ...CATALOGUE_FLAGS,
    ...KEY_FLAGS,
    ...REACH_FLAGS,
    certificate: Flags.string({
      summary: 'the certificates that machines have pinned: a file, or a directory of files',
      multiple: true,
      multipleNonGreedy: true,
      required: true,
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Add);
    const anchors = certificatesAt(flags.certificate);
    const archive = readInput(args.file, LIMITS.patch.archiveBytes);
    await this.change(flags, async (repository) => {
      const { listed, metadata } = await addPatch(repository, archive, anchors, flags);
      const { architecture, kernel, version } = metadata;
      const phase = listed.phase === undefined ? 'all machines' : `${listed.phase} % of machines`;
      return [
        { kernel, architecture, ...listed },
        [`patch ${version} for ${kernel}, ${architecture}: tier ${listed.tier}, ${phase}`],
      ];
    });
  }
}
