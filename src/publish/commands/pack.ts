import { join } from 'node:path';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { DirectCommand } from '../../commands/direct.ts';
import { LivepatchError } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import { parseCertificates } from '../../patch/trust.ts';
import { PUBLIC, writeAtomic } from '../../store/files.ts';
import { openInputFile } from '../../store/input-files.ts';
import type { TrustAnchor } from '../../types.ts';
import { draft, type Label } from '../draft.ts';
import { type Packed, pack } from '../pack.ts';
import { readPassphrase } from '../passphrase.ts';
import { readSigningKey } from '../signing-key.ts';
import { packFromDirectory, shellWord, signCommands, writeToSign } from '../to-sign.ts';

export class Pack extends DirectCommand {
  static override summary = 'Make a patch file of a module that somebody built';
  static override description =
    "Reads name, architecture, kernel release and vermagic from the module, signs the module and its metadata, and writes both into a patch file that clients with this certificate accept. Takes modules of klp-build, kpatch-build or one's own making; needs no root.\n\nA key in hardware signs elsewhere: --unsigned-out writes the two files to be signed and says how, --signatures packs them with their signatures.";
  static override examples = [
    '<%= config.bin %> pack livepatch-fix.ko --version 121.1 --fix CVE-2026-0001 --key key.pem --certificate cert.pem',
    {
      description: 'with an encrypted key',
      command:
        '<%= config.bin %> pack fix.ko --version 121.1 --key key.pem --passphrase-file passphrase --certificate cert.pem',
    },
    {
      description: 'with a key that is elsewhere',
      command: '<%= config.bin %> pack fix.ko --version 121.1 --unsigned-out to-sign',
    },
    '<%= config.bin %> pack --signatures to-sign --certificate cert.pem',
  ];
  static override args = {
    module: Args.string({ description: 'the module (.ko), signed or not' }),
  };
  static override flags = {
    version: Flags.string({ summary: 'the version of the patch, such as 121.1' }),
    fix: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      summary: 'a vulnerability that it remedies',
    }),
    'released-at': Flags.string({ summary: 'when it was released, RFC 3339; now, if not given' }),
    kernel: Flags.string({ summary: 'the kernel as clients name it, if not by its release' }),
    'not-cumulative': Flags.boolean({ summary: 'it is stacked on earlier patches and replaces none' }),
    key: Flags.string({ summary: 'the private key: PKCS#8 or PKCS#1, PEM or DER' }),
    certificate: Flags.string({ summary: 'its certificate, PEM or DER, which clients have pinned' }),
    'passphrase-file': Flags.string({ summary: "a file with the key's passphrase in its first line" }),
    'passphrase-stdin': Flags.boolean({
      summary: "read the key's passphrase from standard input",
      exclusive: ['passphrase-file'],
    }),
    resign: Flags.boolean({ summary: 'replace the signature that the module has' }),
    'unsigned-out': Flags.string({
      summary: 'write what is to be signed into this directory, and sign nothing',
      exclusive: ['key', 'signatures'],
    }),
    signatures: Flags.string({
      summary: 'pack what --unsigned-out wrote into this directory, with the signatures beside it',
      exclusive: ['key', 'version', 'fix', 'released-at', 'kernel', 'not-cumulative', 'resign'],
    }),
    output: Flags.string({
      summary: 'the patch file; livepatch-<kernel>-<version>-<arch>.tar.gz, if not given',
    }),
    json: Flags.boolean({ summary: 'print one JSON object' }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Pack);
    if (flags.signatures !== undefined) {
      if (args.module !== undefined)
        throw usage('with --signatures, the module is the one in that directory');
      const certificates = certificatesIn(required(flags.certificate, '--certificate'));
      this.finish(await packFromDirectory(flags.signatures, certificates), flags);
      return;
    }
    const module = read(required(args.module, 'a module'), LIMITS.patch.moduleBytes);
    const label: Label = {
      version: required(flags.version, '--version'),
      kernel: flags.kernel,
      cumulative: !flags['not-cumulative'],
      releasedAt: flags['released-at'] ?? `${new Date().toISOString().slice(0, 19)}Z`,
      fixes: flags.fix ?? [],
    };
    if (flags['unsigned-out'] !== undefined) {
      this.leaveToSign(flags['unsigned-out'], draft(module, label), flags.json);
      return;
    }
    const certificates = certificatesIn(required(flags.certificate, '--certificate'));
    const key = read(required(flags.key, '--key'), LIMITS.store.fileBytes);
    const signingKey = readSigningKey(key, readPassphrase(flags), certificates);
    this.finish(await pack(module, label, signingKey, flags.resign), flags);
  }

  private leaveToSign(directory: string, described: ReturnType<typeof draft>, json: boolean): void {
    const files = writeToSign(directory, described);
    const commands = files.map((file) => ({ file, commands: signCommands(file) }));
    if (json) {
      this.print(JSON.stringify({ toSign: commands, metadata: described.metadata }, null, 2));
      return;
    }
    const lines = commands.flatMap(({ file, commands: [openssl, kernels] }) => [
      `to sign: ${file}`,
      `  ${openssl}`,
      `  or: ${kernels}`,
    ]);
    const then = `then: ${this.config.bin} pack --signatures ${shellWord(directory)} --certificate CERTIFICATE`;
    this.print([...lines, then].join('\n'));
  }

  private finish(packed: Packed, flags: { output?: string | undefined; json: boolean }): void {
    const { metadata, archive, sha256, signer } = packed;
    const file = flags.output ?? join('.', packed.fileName);
    writeAtomic(file, archive, PUBLIC, LIMITS.patch.archiveBytes);
    const { subject, keyId } = signer;
    if (flags.json) {
      this.print(
        JSON.stringify(
          { file, size: archive.length, sha256, ...metadata, signer: { subject, keyId } },
          null,
          2,
        ),
      );
      return;
    }
    const { version, kernel, architecture, module, digest, cumulative, releasedAt, fixes } = metadata;
    const lines: [string, string][] = [
      ['patch file', `${file} (${archive.length} bytes)`],
      ['patch', `${version} for ${kernel}, ${architecture}`],
      ['module', module],
      ['digest', digest],
      [
        'cumulative',
        cumulative ? 'yes: it replaces every patch before it' : 'no: it is stacked on the patches before it',
      ],
      ['released', releasedAt],
      ['fixes', fixes.map(({ name }) => name).join(', ') || 'none named'],
      ['signed by', `${subject}, key ${keyId}`],
      ['SHA-256', sha256],
    ];
    this.print(lines.map(([name, value]) => `${name}: ${value}`).join('\n'));
  }
}

function certificatesIn(path: string): TrustAnchor[] {
  return parseCertificates(read(path, LIMITS.store.fileBytes), path);
}

function read(path: string, limit: number): Uint8Array {
  using file = openInputFile(path);
  return file.bytes(limit);
}

function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw usage(`${what} is missing`);
  return value;
}

function usage(message: string): LivepatchError {
  return new LivepatchError('usage', message, { hint: "See 'livepatch-publish pack --help'." });
}
