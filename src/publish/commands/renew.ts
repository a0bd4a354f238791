import * as Flags from '@oclif/core/flags';
import { LivepatchError } from '../../errors.ts';
import { makeKeys, ROLES } from '../catalogue/keys.ts';
import { Repository } from '../catalogue/repository.ts';
import { diskTree } from '../catalogue/tree.ts';
import { prune, renewDue } from '../catalogue/upkeep.ts';
import { CATALOGUE_FLAGS, CatalogueCommand, KEY_FLAGS } from '../catalogue-command.ts';
import { readPassphrase } from '../passphrase.ts';

export class Renew extends CatalogueCommand {
  static override summary = 'Sign anew what expires, publish what is signed, and remove what is old';
  static override description =
    'For a scheduled job, every day, with the keys of snapshot and timestamp. What else expires within half its time needs the other keys now and then; it is named. With --rotate, a role gets new keys: after a theft, or by the calendar. Machines follow the chain of roots by themselves, however many there were while they were off.';
  static override examples = [
    '<%= config.bin %> renew --catalogue catalogue --keys keys/snapshot --keys keys/timestamp',
    {
      description: 'new keys for the timestamp, of which somebody may have a copy',
      command: '<%= config.bin %> renew --keys keys --rotate timestamp --new-keys keys-2026',
    },
  ];
  static override flags = {
    ...CATALOGUE_FLAGS,
    ...KEY_FLAGS,
    root: Flags.boolean({ summary: 'sign a new root, although the old one is good for long' }),
    rotate: Flags.option({
      summary: 'give this role new keys, as many as it had',
      options: ROLES,
      multiple: true,
      multipleNonGreedy: true,
    })({ default: [] }),
    'new-keys': Flags.string({ summary: 'the directory that new keys are written to' }),
    grace: Flags.integer({
      summary: 'how many days files are kept that readers are no longer shown',
      default: 7,
      min: 0,
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Renew);
    const directory = flags['new-keys'];
    if (flags.rotate.length > 0 && directory === undefined) {
      throw new LivepatchError('usage', '--rotate makes new keys: say where to, with --new-keys');
    }
    // Once: it may come from standard input.
    const passphrase = readPassphrase(flags);
    await this.change({ ...flags, passphrase }, async (repository) => {
      const missing = renewDue(repository);
      if (flags.root) repository.touch('root');
      for (const role of flags.rotate) {
        repository.rotate(role, makeKeys(directory as string, role, repository.keyCount(role), passphrase));
      }
      return [
        { rotated: flags.rotate, missing },
        [
          ...flags.rotate.map((role) => `new keys: ${role}, in ${directory}`),
          ...missing.map((role) => `soon: ${role} expires, and its keys are not here`),
        ],
      ];
    });
    const removed = this.removeOld(flags.catalogue, flags.grace);
    if (removed > 0 && !flags.json)
      this.print(`removed: ${removed} files that were older than ${flags.grace} days`);
  }

  /** Only of what is published: what waits for a key is about to be shown. */
  private removeOld(catalogue: string, grace: number): number {
    const tree = diskTree(catalogue);
    using _lock = tree.lock();
    return prune(Repository.open(tree, new Map(), new Date()), grace, new Date());
  }
}
