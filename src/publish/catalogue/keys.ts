import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Key, Signature } from '@tufjs/models';
import { LivepatchError } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import { storageError, writeAtomic } from '../../store/files.ts';
import { openInputFile } from '../../store/input-files.ts';

/** The roles that a root names keys for. */
export const ROLES = ['root', 'targets', 'snapshot', 'timestamp'] as const;
export type RoleName = (typeof ROLES)[number];

/** A private key of a catalogue. It leaves this object only as signatures. */
export interface CatalogueKey {
  /** Its public half, as metadata names it. */
  key: Key;
  sign(data: Buffer): Signature;
}

/** The private keys at hand, by key id. */
export type Keyring = ReadonlyMap<string, CatalogueKey>;

/**
 * Reads the keys in these directories and in the directories in them: `*.pem`, PKCS#8, Ed25519. Which roles they sign
 * for, the root says.
 * @param passphrase of all that are encrypted.
 * @throws LivepatchError `config` when one cannot be used, `storage`
 */
export function readKeyring(directories: readonly string[], passphrase: string | undefined): Keyring {
  const files = directories.flatMap((directory) => [directory, ...below(directory)].flatMap(pemsIn));
  const keys = files.map((file) => readKey(file, passphrase));
  return new Map(keys.map((one) => [one.key.keyID, one]));
}

function below(directory: string): string[] {
  return list(directory)
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isDirectory());
}

function pemsIn(directory: string): string[] {
  return list(directory)
    .filter((name) => name.endsWith('.pem'))
    .map((name) => join(directory, name));
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    throw storageError('read the keys in', directory, error);
  }
}

function readKey(file: string, passphrase: string | undefined): CatalogueKey {
  using input = openInputFile(file);
  const pem = Buffer.from(input.bytes(LIMITS.store.fileBytes));
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, ...(passphrase === undefined ? {} : { passphrase }) });
  } catch {
    // Without what Node said: nobody has to check that it quotes nothing of the key.
    const encrypted = passphrase === undefined && pem.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----');
    throw new LivepatchError(
      'config',
      encrypted ? `the key ${file} is encrypted` : `the key ${file} cannot be read`,
      { hint: 'Give its passphrase with --passphrase-file or --passphrase-stdin.' },
    );
  }
  if (key.asymmetricKeyType === 'ed25519') return catalogueKey(key);
  throw new LivepatchError('config', `the key ${file} is not an Ed25519 key`);
}

/**
 * Makes keys for a role, in a directory of its own so that it can be carried away.
 * @param directory of all keys.
 * @throws LivepatchError `storage`
 */
export function makeKeys(
  directory: string,
  role: RoleName,
  count: number,
  passphrase: string | undefined,
): CatalogueKey[] {
  return Array.from({ length: count }, () => {
    const { made, pem } = generateKey(passphrase);
    const place = join(directory, role);
    if (!existsSync(place)) mkdirSync(place, { recursive: true, mode: 0o700 });
    writeAtomic(join(place, `${role}-${made.key.keyID.slice(0, 16)}.pem`), pem);
    return made;
  });
}

/** A new key, and the file of it: PKCS#8, PEM. */
export function generateKey(passphrase?: string): { made: CatalogueKey; pem: string } {
  const { privateKey } = generateKeyPairSync('ed25519');
  const encryption = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem', ...encryption }).toString();
  return { made: catalogueKey(privateKey), pem };
}

function catalogueKey(privateKey: KeyObject): CatalogueKey {
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const keyID = createHash('sha256').update(spki).digest('hex');
  const key = new Key({
    keyID,
    keyType: 'ed25519',
    scheme: 'ed25519',
    // RFC 8410: the raw key is the last 32 octets.
    keyVal: { public: spki.subarray(-32).toString('hex') },
  });
  return { key, sign: (data) => new Signature({ keyID, sig: sign(null, data, privateKey).toString('hex') }) };
}
