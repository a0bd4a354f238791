import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { LivepatchError, messageOf } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { parseMetadata } from '../patch/metadata.ts';
import { splitSignedModule } from '../patch/trailer.ts';
import { PUBLIC, writeAtomic } from '../store/files.ts';
import { openInputFile } from '../store/input-files.ts';
import type { TrustAnchor } from '../types.ts';
import type { Draft } from './draft.ts';
import { type Packed, packSigned } from './pack.ts';

const METADATA = 'metadata.json';

/**
 * Writes the two byte strings that are to be signed, for a key that this machine does not hold.
 * @returns their paths.
 * @throws LivepatchError `storage`
 */
export function writeToSign(directory: string, { metadata, content, document }: Draft): string[] {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (cause) {
    throw new LivepatchError('storage', `cannot make ${directory}: ${messageOf(cause)}`, { cause });
  }
  const files: [string, Uint8Array][] = [
    [join(directory, `${metadata.module}.ko`), content],
    [join(directory, METADATA), document],
  ];
  for (const [path, bytes] of files) writeAtomic(path, bytes, PUBLIC, LIMITS.patch.moduleBytes);
  return files.map(([path]) => path);
}

/** The commands that sign a file to `<file>.p7s`: OpenSSL's, and the kernel's own. */
export function signCommands(path: string): string[] {
  const file = shellWord(path);
  return [
    `openssl cms -sign -binary -noattr -nocerts -md sha512 -outform DER -signer CERTIFICATE -inkey KEY -in ${file} -out ${shellWord(`${path}.p7s`)}`,
    `sign-file -dp sha512 KEY CERTIFICATE ${file}`,
  ];
}

/** As a shell takes it for one word. */
export function shellWord(path: string): string {
  return /^[\w./+~-]+$/.test(path) && !path.startsWith('-') ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

/**
 * Packs what `writeToSign` wrote and somebody signed. sign-file without `-d` also appends the signature to what it
 * signs; that is taken off again.
 * @throws LivepatchError `storage` when a file is missing, and for whatever a client would refuse.
 */
export function packFromDirectory(directory: string, certificates: readonly TrustAnchor[]): Promise<Packed> {
  const modules = filesIn(directory).filter((name) => name.endsWith('.ko'));
  const [module] = modules;
  if (module === undefined || modules.length > 1) {
    throw new LivepatchError('storage', `${directory} must hold exactly one module (.ko)`);
  }
  const { content: document } = splitSignedModule(read(directory, METADATA, LIMITS.patch.metadataBytes));
  return packSigned(
    parseMetadata(document),
    document,
    read(directory, module, LIMITS.patch.moduleBytes),
    {
      module: read(directory, `${module}.p7s`, LIMITS.patch.signatureBytes),
      metadata: read(directory, `${METADATA}.p7s`, LIMITS.patch.signatureBytes),
    },
    certificates,
  );
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (cause) {
    throw new LivepatchError('storage', `cannot read ${directory}: ${messageOf(cause)}`, { cause });
  }
}

function read(directory: string, name: string, limit: number): Uint8Array {
  using file = openInputFile(join(directory, name));
  return file.bytes(limit);
}
