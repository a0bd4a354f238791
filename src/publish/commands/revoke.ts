import * as Flags from '@oclif/core/flags';
import { CATALOGUE_FLAGS, CatalogueCommand, certificatesAt, KEY_FLAGS } from '../catalogue-command.ts';

export class Revoke extends CatalogueCommand {
  static override summary =
    'Revoke a module-signing key: machines believe nothing any more that it has signed';
  static override examples = ['<%= config.bin %> revoke --certificate stolen.pem --keys keys'];
  static override flags = {
    ...CATALOGUE_FLAGS,
    ...KEY_FLAGS,
    certificate: Flags.string({
      summary: 'a certificate of the key; every other one of the same key is revoked with it',
      multiple: true,
      multipleNonGreedy: true,
      required: true,
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Revoke);
    const anchors = certificatesAt(flags.certificate);
    await this.change(flags, async (repository) => {
      repository.revokeKeys(anchors.map(({ keyId }) => keyId));
      const text = anchors.map(({ keyId, subject }) => `revoked: ${subject}, key ${keyId}`);
      return [{ revokedKeys: repository.revokedKeys }, text];
    });
  }
}
