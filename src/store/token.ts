import { lstatSync } from 'node:fs';
import { LivepatchError } from '../errors.ts';
import { Secret } from '../secret.ts';
import { isMissing, readIfThere, remove, storageError, writeAtomic } from './files.ts';

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
      if (!/^[0-9a-f]{32}$/.test(text)) throw noToken(`${path} does not hold a machine token`);
      return new Secret(text);
    },
    write: (token) => writeAtomic(path, `${token.reveal()}\n`),
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
