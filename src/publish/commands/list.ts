import type { KernelIndex } from '../../source/catalogue/kernel-index.ts';
import { Repository } from '../catalogue/repository.ts';
import { diskTree } from '../catalogue/tree.ts';
import { CATALOGUE_FLAGS, CatalogueCommand, SCOPE_FLAGS } from '../catalogue-command.ts';

export class List extends CatalogueCommand {
  static override summary = 'List the kernels and patches of a catalogue';
  static override examples = ['<%= config.bin %> list --catalogue catalogue'];
  static override flags = { ...CATALOGUE_FLAGS, ...SCOPE_FLAGS };

  async run(): Promise<void> {
    const { flags } = await this.parse(List);
    const repository = Repository.open(diskTree(flags.catalogue), new Map(), new Date());
    const indexes = [...repository.indexes(this.progress('looked through'))]
      .filter(({ kernel }) => flags.kernel === undefined || kernel === flags.kernel)
      .filter(({ architecture }) => flags.architecture === undefined || architecture === flags.architecture)
      .toSorted((a, b) => (a.kernel < b.kernel ? -1 : 1));
    const kernels = indexes.map(({ patches, ...index }) => ({
      ...index,
      patches: patches.map(({ fixes, ...patch }) => ({ ...patch, fixes: fixes.map(({ name }) => name) })),
    }));
    const { revokedKeys } = repository;
    this.report(flags, { kernels, revokedKeys }, [
      ...indexes.flatMap(linesOf),
      ...revokedKeys.map((key) => `revoked: key ${key}`),
    ]);
  }
}

function linesOf({
  architecture,
  kernel,
  patches,
  support,
  upgradeRequiredDate,
  withdrawn,
}: KernelIndex): string[] {
  const until = upgradeRequiredDate === undefined ? '' : ` until ${upgradeRequiredDate}`;
  return [
    `${kernel} ${architecture}: ${support}${until}`,
    ...patches.map(
      ({ fixes, phase, releasedAt, tier, version }) =>
        `  ${version}  ${releasedAt}  ${tier}${phase === undefined ? '' : `, ${phase} %`}  fixes ${fixes.length}`,
    ),
    ...withdrawn.map(({ version }) => `  ${version}  withdrawn`),
  ];
}
