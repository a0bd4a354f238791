import * as Flags from '@oclif/core/flags';
import { LivepatchError } from '../../errors.ts';
import { checkCatalogue } from '../catalogue/check.ts';
import { CATALOGUE_FLAGS, CatalogueCommand, certificatesAt, readInput } from '../catalogue-command.ts';

export class Check extends CatalogueCommand {
  static override summary = 'Verify a whole catalogue as machines do';
  static override description =
    'Follows the roots from the pinned one, verifies all metadata, every index and every patch file. Ends with 65 when a machine would refuse anything of it.';
  static override examples = [
    '<%= config.bin %> check --catalogue catalogue --root root.json --certificate cert.pem',
  ];
  static override flags = {
    ...CATALOGUE_FLAGS,
    root: Flags.string({
      summary: 'the root.json that machines have pinned; metadata/1.root.json, if not given',
    }),
    certificate: Flags.string({
      summary: 'the certificates that machines have pinned: a file, or a directory of files',
      multiple: true,
      multipleNonGreedy: true,
      default: [],
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Check);
    const anchors = flags.certificate.length === 0 ? undefined : certificatesAt(flags.certificate);
    const root = flags.root === undefined ? undefined : readInput(flags.root);
    const checked = await checkCatalogue(flags.catalogue, root, anchors, this.progress('checked'));
    const { kernels, patches, problems } = checked;
    const proven = anchors === undefined ? 'whole (give --certificate to verify their signatures)' : 'proven';
    this.report(flags, checked, [
      `kernels: ${kernels}`,
      `patches: ${patches - problems.length} ${proven}`,
      ...problems,
    ]);
    if (problems.length > 0) {
      throw new LivepatchError('digest', `machines would refuse ${problems.length} parts of this catalogue`);
    }
  }
}
