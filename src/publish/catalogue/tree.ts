import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { LivepatchError } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import { PUBLIC, storageError, writeAtomic } from '../../store/files.ts';
import { openInputFile } from '../../store/input-files.ts';
import { takeRunLock } from '../../store/run-lock.ts';

/** The files of a catalogue, by path below its directory. Readers may be downloading them at any time. */
export interface Tree {
  /** @returns undefined when there is no such file. @throws LivepatchError `storage` */
  read(path: string): Buffer | undefined;
  has(path: string): boolean;
  /**
   * A file that never changes once it is there: its version or its hash is in its name.
   * @throws LivepatchError `storage`, `busy` when another file has the name.
   */
  create(path: string, bytes: Uint8Array): void;
  /** In one step; for the one file that changes in place. @throws LivepatchError `storage` */
  replace(path: string, bytes: Uint8Array): void;
  /** All files below a directory, with the time of their last change. */
  list(directory: string): { path: string; changed: Date }[];
  remove(path: string): void;
  /** One publisher at a time. @throws LivepatchError `busy`, `storage` */
  lock(): Disposable;
}

/** @throws LivepatchError `storage` on each call. */
export function diskTree(directory: string): Tree {
  const at = (path: string) => join(directory, path);
  const tree: Tree = {
    has: (path) => existsSync(at(path)),
    read(path) {
      if (!existsSync(at(path))) return undefined;
      using file = openInputFile(at(path));
      return Buffer.from(file.bytes(LIMITS.patch.archiveBytes));
    },
    create(path, bytes) {
      const there = tree.read(path);
      if (there?.equals(bytes)) return;
      if (there !== undefined) {
        throw new LivepatchError('busy', `${at(path)} is there already, and is another file`, {
          hint: 'Somebody else has published meanwhile: get the newest state of the catalogue, and try again.',
        });
      }
      tree.replace(path, bytes);
    },
    replace(path, bytes) {
      try {
        mkdirSync(dirname(at(path)), { recursive: true, mode: 0o755 });
      } catch (error) {
        throw storageError('make the directory', dirname(at(path)), error);
      }
      writeAtomic(at(path), bytes, PUBLIC, LIMITS.patch.archiveBytes);
    },
    list(below) {
      if (!existsSync(at(below))) return [];
      const names = readdirSync(at(below), { recursive: true, encoding: 'utf8' });
      return names
        .map((name) => join(below, name))
        .map((path) => ({ path, stat: statSync(at(path)) }))
        .filter(({ stat }) => stat.isFile())
        .map(({ path, stat }) => ({ path, changed: stat.mtime }));
    },
    remove: (path) => rmSync(at(path), { force: true }),
    lock() {
      if (!existsSync(directory)) throw noCatalogue(directory);
      return takeRunLock(at('.lock'), 'livepatch-publish');
    },
  };
  return tree;
}

export function noCatalogue(directory: string): LivepatchError {
  return new LivepatchError('storage', `there is no catalogue in ${directory}`, {
    hint: "Make one with 'livepatch-publish init'.",
  });
}
