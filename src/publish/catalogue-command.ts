import * as Flags from '@oclif/core/flags';
import { DirectCommand } from '../commands/direct.ts';
import { LivepatchError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { parseCertificates } from '../patch/trust.ts';
import { TIERS } from '../source/catalogue/kernel-index.ts';
import { openInputFile, readCertificateFiles } from '../store/input-files.ts';
import type { Architecture, TrustAnchor } from '../types.ts';
import { readKeyring } from './catalogue/keys.ts';
import { type Published, Repository } from './catalogue/repository.ts';
import { diskTree } from './catalogue/tree.ts';
import { readPassphrase } from './passphrase.ts';

/** What all commands on a catalogue take. */
export const CATALOGUE_FLAGS = {
  catalogue: Flags.string({ summary: "the catalogue's directory", default: '.' }),
  json: Flags.boolean({ summary: 'print one JSON object' }),
};

export const KEY_FLAGS = {
  keys: Flags.string({
    summary: 'a directory of private keys, or of directories of them',
    multiple: true,
    multipleNonGreedy: true,
    required: true,
  }),
  'passphrase-file': Flags.string({ summary: "a file with the keys' passphrase in its first line" }),
  'passphrase-stdin': Flags.boolean({
    summary: "read the keys' passphrase from standard input",
    exclusive: ['passphrase-file'],
  }),
};

export const SCOPE_FLAGS = {
  kernel: Flags.string({ summary: 'only of this kernel, as clients name it' }),
  architecture: Flags.string({ summary: 'only of this architecture', options: ['amd64', 'arm64', 's390x'] }),
};

export const REACH_FLAGS = {
  tier: Flags.option({
    summary: 'machines of this tier and of the less careful ones take it',
    options: TIERS,
  })(),
  phase: Flags.integer({ summary: 'per cent of machines that take it by themselves', min: 0, max: 100 }),
};

interface KeyFlagValues {
  catalogue: string;
  keys: string[];
  'passphrase-file'?: string | undefined;
  'passphrase-stdin': boolean;
}

/** A command that works on a catalogue. */
export abstract class CatalogueCommand extends DirectCommand {
  /** Makes a change, publishes it, and says what a person has to do then. Nobody else publishes meanwhile. */
  protected async change<T extends object>(
    flags: KeyFlagValues & { json: boolean; passphrase?: string | undefined },
    act: (repository: Repository) => Promise<[facts: T, text: string[]]>,
  ): Promise<void> {
    const tree = diskTree(flags.catalogue);
    const keys = readKeyring(flags.keys, 'passphrase' in flags ? flags.passphrase : readPassphrase(flags));
    using _lock = tree.lock();
    const repository = Repository.open(tree, keys, new Date());
    const [facts, text] = await act(repository);
    const published = repository.publish(this.progress('signed'));
    this.report(flags, { ...facts, ...published }, [...text, ...nextSteps(published, flags.catalogue)]);
  }

  protected report(flags: { json: boolean }, facts: object, text: string[]): void {
    this.print(flags.json ? JSON.stringify(facts, null, 2) : text.join('\n'));
  }

  /** One line on a terminal, rewritten; nothing elsewhere. */
  protected progress(what: string): (done: number, all: number) => void {
    if (!process.stderr.isTTY) return () => {};
    return (done, all) => {
      process.stderr.write(done === all ? '\r\x1b[K' : `\r\x1b[K${what} ${done} of ${all}`);
    };
  }
}

/** In which order to upload: a reader of a new timestamp must find all that it leads to. */
export const UPLOAD_ORDER = ['patches', 'cves', 'targets', 'metadata', 'metadata/timestamp.json'];

function nextSteps({ timestamp, waitsFor, written }: Published, directory: string): string[] {
  if (waitsFor.length > 0) {
    return [
      `signed, and not published: the keys of ${waitsFor.join(' and ')} are not here`,
      `next: livepatch-publish renew --catalogue ${directory} --keys DIRECTORY, where they are`,
    ];
  }
  if (timestamp === undefined) return ['nothing to publish: readers see all of this already'];
  return [
    `published: timestamp ${timestamp}, ${written.length} files`,
    `to upload, in this order: ${UPLOAD_ORDER.join(', ')}`,
  ];
}

/** @throws LivepatchError `storage`, `trust-anchors` */
export function certificatesAt(paths: readonly string[]): TrustAnchor[] {
  return paths.flatMap(readCertificateFiles).flatMap(({ bytes, source }) => parseCertificates(bytes, source));
}

/** @throws LivepatchError `storage` */
export function readInput(path: string, limit: number = LIMITS.store.fileBytes): Uint8Array {
  using file = openInputFile(path);
  return file.bytes(limit);
}

export function architectureOf(text: string): Architecture {
  if (text === 'amd64' || text === 'arm64' || text === 's390x') return text;
  throw new LivepatchError('usage', 'the architecture is one of amd64, arm64, s390x');
}
