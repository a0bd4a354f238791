import { existsSync } from 'node:fs';
import { LivepatchError } from '../errors.ts';
import { Secret } from '../secret.ts';
import { readIfThere, remove, writeAtomic } from './files.ts';

/** The machine token: its file exists exactly while the machine is enabled, and other programs look for it. */
export interface TokenFile {
  /** For anybody to ask; only root can read it. */
  exists(): boolean;
  /** @returns undefined when the machine is not enabled. @throws LivepatchError `storage` */
  read(): Secret | undefined;
  write(token: Secret): void;
  remove(): void;
}

export function tokenFile(path: string): TokenFile {
  return {
    exists: () => existsSync(path),
    read() {
      const text = readIfThere(path)?.trim();
      if (text === undefined) return undefined;
      if (!/^[0-9a-f]{32}$/.test(text)) {
        throw new LivepatchError('storage', `${path} does not hold a machine token`, {
          hint: "Run 'sudo canonical-livepatch disable', then enable again.",
        });
      }
      return new Secret(text);
    },
    write: (token) => writeAtomic(path, `${token.reveal()}\n`),
    remove: () => remove(path),
  };
}
