import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { LivepatchError } from '../../errors.ts';
import { makeKeys, type RoleName } from '../catalogue/keys.ts';
import { Repository } from '../catalogue/repository.ts';
import { diskTree } from '../catalogue/tree.ts';
import { CATALOGUE_FLAGS, CatalogueCommand, UPLOAD_ORDER } from '../catalogue-command.ts';
import { readPassphrase } from '../passphrase.ts';

const days = (role: string, value: number) =>
  Flags.integer({
    summary: `how many days what ${role} signs is good for`,
    default: value,
    min: 1,
    max: 3650,
  });

export class Init extends CatalogueCommand {
  static override summary =
    'Begin a catalogue: a directory that any web server, bucket or memory stick can hold';
  static override description =
    'Makes the keys and signs an empty catalogue. The keys of root and targets belong offline: who has them decides what machines apply. Those of snapshot and timestamp are for the scheduled job that runs renew; they can only hold news back or bring old ones, and not for long.';
  static override examples = [
    '<%= config.bin %> init --catalogue catalogue --new-keys keys',
    {
      description: 'two of three people have to sign each new root',
      command:
        '<%= config.bin %> init --catalogue catalogue --new-keys keys --root-keys 3 --root-threshold 2',
    },
  ];
  static override flags = {
    ...CATALOGUE_FLAGS,
    'new-keys': Flags.string({ summary: 'the directory that the new keys are written to', required: true }),
    'root-keys': Flags.integer({ summary: 'how many root keys', default: 1, min: 1, max: 20 }),
    'root-threshold': Flags.integer({
      summary: 'how many of them have to sign',
      default: 1,
      min: 1,
      max: 20,
    }),
    'targets-keys': Flags.integer({ summary: 'how many targets keys', default: 1, min: 1, max: 20 }),
    'targets-threshold': Flags.integer({
      summary: 'how many of them have to sign',
      default: 1,
      min: 1,
      max: 20,
    }),
    'root-days': days('root', 365),
    'targets-days': days('targets', 365),
    'snapshot-days': days('snapshot', 30),
    'timestamp-days': days('timestamp', 7),
    'passphrase-file': Flags.string({ summary: 'encrypt the keys with the passphrase in its first line' }),
    'passphrase-stdin': Flags.boolean({
      summary: 'encrypt the keys with the passphrase on standard input',
      exclusive: ['passphrase-file'],
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(Init);
    const tree = diskTree(flags.catalogue);
    if (tree.has('metadata/1.root.json')) {
      throw new LivepatchError('usage', `there is a catalogue in ${flags.catalogue} already`, {
        hint: "If an earlier init did not come to its end, 'livepatch-publish renew' finishes it.",
      });
    }
    const passphrase = readPassphrase(flags);
    const roleOf = (role: RoleName, count: number, threshold: number) => {
      if (threshold > count) {
        throw new LivepatchError(
          'usage',
          `${threshold} of ${count} ${role} keys cannot sign: there are too few`,
        );
      }
      return { count, threshold };
    };
    const wanted = {
      root: roleOf('root', flags['root-keys'], flags['root-threshold']),
      targets: roleOf('targets', flags['targets-keys'], flags['targets-threshold']),
      snapshot: { count: 1, threshold: 1 },
      timestamp: { count: 1, threshold: 1 },
    };
    const directory = flags['new-keys'];
    if (existsSync(directory))
      throw new LivepatchError('usage', `${directory} is there already: it may hold keys`);
    const made = (role: RoleName) => ({
      keys: makeKeys(directory, role, wanted[role].count, passphrase),
      threshold: wanted[role].threshold,
    });
    const roles = {
      root: made('root'),
      targets: made('targets'),
      snapshot: made('snapshot'),
      timestamp: made('timestamp'),
    };
    const lifetimes = {
      root: flags['root-days'],
      targets: flags['targets-days'],
      snapshot: flags['snapshot-days'],
      timestamp: flags['timestamp-days'],
    };
    const published = Repository.begin(tree, roles, lifetimes, new Date()).publish(this.progress('signed'));
    const root = join(flags.catalogue, 'metadata', '1.root.json');
    this.report(flags, { catalogue: flags.catalogue, keys: directory, root, ...published }, [
      `catalogue: ${flags.catalogue}`,
      `keys: ${directory}/{root,targets} for offline, ${directory}/{snapshot,timestamp} for the job that runs renew`,
      `to pin on machines: ${root} (canonical-livepatch config catalogue-root=@stdin < ${root})`,
      `to upload, in this order: ${UPLOAD_ORDER.join(', ')}`,
    ]);
  }
}
