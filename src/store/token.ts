import { lstatSync } from 'node:fs';
import { LivepatchError } from '../errors.ts';
import { Secret } from '../secret.ts';
import { isMissing, readIfThere, remove, storageError, writeAtomic } from './files.ts';

/** In the place of a token, where an administrator gave a catalogue none: the machine is enabled, and nothing is sent. */
export const NO_TOKEN = '0'.repeat(32);

/** What a server gives. What an administrator gives a catalogue is of any form, and is marked as such. */
const MACHINE_TOKEN = /^[0-9a-f]{32}$/;
const CATALOGUE_TOKEN = /^catalogue ([\x21-\x7e]{8,1024})$/;

/** The machine token: its file exists exactly while the machine is enabled, and other programs look for it. */
export interface TokenFile {
  /**
   * For anybody to ask; only root can read it. Whatever is at its place counts, so that `disable` can remove it.
   * @throws LivepatchError `no-permission` when that cannot be seen.
   */
  exists(): boolean;
  /**
   * @returns undefined when the machine is not enabled.
   * @throws LivepatchError `storage` when there is something that is no token; its hint leads out.
   */
  read(): Secret | undefined;
  /** @throws LivepatchError `storage` */
  write(token: Secret): void;
  /** Whatever is at its place: a file, a link, a directory. @throws LivepatchError `storage` */
  remove(): void;
}

export function tokenFile(path: string): TokenFile {
  return {
    exists: () => exists(path),
    read() {
      const text = readToken(path)?.trim();
      if (text === undefined) return undefined;
      const token = MACHINE_TOKEN.test(text) ? text : CATALOGUE_TOKEN.exec(text)?.[1];
      if (token === undefined) throw noToken(`${path} does not hold a machine token`);
      return new Secret(token);
    },
    write(token) {
      const text = token.reveal();
      writeAtomic(path, `${MACHINE_TOKEN.test(text) ? text : `catalogue ${text}`}\n`);
    },
    remove: () => remove(path),
  };
}

function exists(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if (isMissing(error)) return false;
    throw storageError('look for', path, error);
  }
}

function readToken(path: string): string | undefined {
  try {
    return readIfThere(path);
  } catch (error) {
    if (!(error instanceof LivepatchError) || error.code !== 'storage') throw error;
    throw noToken(error.message, error);
  }
}

/** Nothing of what is there is repeated: it may be half a token. */
function noToken(message: string, cause?: unknown): LivepatchError {
  return new LivepatchError('storage', message, {
    hint: "Run 'sudo canonical-livepatch disable', which removes it, then enable again.",
    cause,
  });
}
