import { closeSync, constants, openSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { discard, PRIVATE, storageError } from './files.ts';

/** An open, read-only descriptor of a file that has no name. */
export interface PrivateFile extends Disposable {
  readonly fd: number;
}

/**
 * Puts verified bytes where the kernel can take them and nobody else can reach them: a file without a name and
 * without a writer. finit_module(2) takes a descriptor, not bytes; between our check and its read nothing can be
 * swapped, because there is no path to swap at and no descriptor to write through.
 * @param directory where the blocks are taken from; 0700 and ours.
 * @throws LivepatchError `storage`
 */
export function privateFile(directory: string, bytes: Uint8Array): PrivateFile {
  const path = join(directory, `.${crypto.randomUUID()}`);
  try {
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR } = constants;
    const writer = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, PRIVATE);
    try {
      rmSync(path);
      writeFileSync(writer, bytes);
      // Opened anew for reading: the kernel refuses (ETXTBSY) a module file that somebody has open for writing.
      const fd = openSync(`/proc/self/fd/${writer}`, O_RDONLY);
      return { fd, [Symbol.dispose]: () => closeSync(fd) };
    } finally {
      closeSync(writer);
    }
  } catch (error) {
    discard(path);
    throw storageError('keep the module for insertion in', directory, error);
  }
}
