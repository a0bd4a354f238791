import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { EXIT_STATUS } from '../errors.ts';
import type { Verification } from '../report/verification.ts';
import { LivepatchCommand } from './base.ts';

export class Verify extends LivepatchCommand {
  static override summary = 'Tell who signed a module or patch file, and whether it would be accepted';
  static override description =
    'Needs neither root nor an enabled machine. What was withdrawn or revoked, as this machine was last told, is refused, too; when that is not known, a line on standard error says so. The exit status is 0 only when every file is accepted. A certificate that has expired is shown as such, which is no reason to refuse: it is pinned.\n\nJSON and YAML are a list of one object a file: file, kind (module, patch), signature (good, bad, untrusted, unsigned), signer (subject, fingerprint, not-after, expired), digest, livepatch, module, kernel, version, fixes, verdict (accepted, refused), reason. What is not known is null; what a refused file says of itself is only its claim.';
  static override examples = [
    '<%= config.bin %> verify livepatch-6.8.0-1047.50-aws-121.4-amd64.tar.gz',
    {
      description: 'against other certificates than the pinned ones',
      command: '<%= config.bin %> verify --keys signing_key.x509 *.ko',
    },
    {
      description: 'one object a file',
      command: '<%= config.bin %> verify --format json *.ko',
    },
  ];
  static override args = {
    files: Args.string({ required: true, multiple: true, description: 'modules (.ko) and patch files' }),
  };
  static override flags = {
    keys: Flags.string({
      summary: 'certificates to verify against, in PEM or DER: a file or a directory',
    }),
    'allow-sha256': Flags.boolean({ summary: 'accept signatures over SHA-256, not over SHA-512 alone' }),
    format: Flags.option({
      options: ['humane', 'json', 'yaml'] as const,
      default: 'humane',
      summary: 'how to print',
    })(),
  };

  async run(): Promise<void> {
    const { files, flags } = await this.parseFiles();
    const { verify } = await import('../operations/verify.ts');
    const verifications = verify(this.context(), files, {
      keys: flags.keys,
      allowSha256: flags['allow-sha256'],
      // A line for each of many has no room for it.
      withDigest: flags.format !== 'humane' || files.length === 1,
    });
    const refused =
      flags.format === 'humane'
        ? await this.tell(verifications, files.length)
        : await this.list(verifications, flags.format);
    if (refused) process.exitCode = EXIT_STATUS.signature;
  }

  /**
   * The time that oclif takes grows with the square of the number of arguments, and there may be thousands. So it gets
   * none of those at the end that can only be files: no option comes after them, and one before takes one value at most.
   */
  private async parseFiles() {
    const options = this.argv.findLastIndex((word) => word.startsWith('-')) + 1;
    const [parsed, further] = [this.argv.slice(0, options + 2), this.argv.slice(options + 2)];
    const { args, flags } = await this.parse(Verify, parsed);
    return { files: [...args.files, ...further], flags };
  }

  /** For people, as it goes: a line each when there are many. @returns whether any was refused. */
  private async tell(verifications: AsyncIterable<Verification>, count: number): Promise<boolean> {
    const { verificationBlock, verificationLine } = await import('../report/verification.ts');
    let refused = false;
    for await (const verification of verifications) {
      this.print(count === 1 ? verificationBlock(verification) : verificationLine(verification));
      refused ||= verification.verdict === 'refused';
    }
    return refused;
  }

  /** For programs: one list. @returns whether any was refused. */
  private async list(verifications: AsyncIterable<Verification>, format: 'json' | 'yaml'): Promise<boolean> {
    const { verificationList } = await import('../report/verification.ts');
    const all: Verification[] = [];
    for await (const verification of verifications) all.push(verification);
    this.print(verificationList(all, format));
    return all.some(({ verdict }) => verdict === 'refused');
  }
}
