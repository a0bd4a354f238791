import { createHash } from 'node:crypto';
import { constants, existsSync, promises } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasErrno, LivepatchError, messageOf } from '../../errors.ts';
import { type Host, tooLong } from './host.ts';

/** What is read at once. */
const PIECE = 256 * 1024;

/** A catalogue in a directory: a memory stick, a mount. @param base a `file:` address that ends with a slash. */
export function directoryHost(base: URL): Host {
  const directory = fileURLToPath(base);
  return {
    address: base.href,
    async get({ limit, path }) {
      try {
        await using file = await openRegular(join(directory, path));
        const bytes = Buffer.alloc(limit + 1);
        let length = 0;
        for (;;) {
          const { bytesRead } = await file.read(bytes, length, bytes.length - length);
          length += bytesRead;
          if (length > limit) {
            throw new LivepatchError('bad-answer', `the catalogue cannot be used: ${tooLong(path, limit)}`);
          }
          if (bytesRead === 0) return { found: 'file', bytes: bytes.subarray(0, length), etag: undefined };
        }
      } catch (error) {
        if (hasErrno(error, 'ENOENT') && existsSync(directory)) return { found: 'missing', denied: false };
        throw unreadable(directory, path, error);
      }
    },
    async *stream({ path, sha256, size }) {
      try {
        await using file = await openRegular(join(directory, path));
        const hash = createHash('sha256');
        let received = 0;
        for (;;) {
          const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(PIECE));
          if (bytesRead === 0) break;
          received += bytesRead;
          if (received > size) break;
          const piece = buffer.subarray(0, bytesRead);
          hash.update(piece);
          yield piece;
        }
        if (received !== size || hash.digest('hex') !== sha256) throw damaged(path);
      } catch (error) {
        throw unreadable(directory, path, error);
      }
    },
  };
}

/** O_NONBLOCK: a FIFO in the catalogue must not hang us. */
async function openRegular(path: string): Promise<promises.FileHandle> {
  const file = await promises.open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new Error('not a regular file');
}

function damaged(path: string): LivepatchError {
  return new LivepatchError('digest', `the catalogue's ${path} does not have the size and SHA-256 declared`, {
    hint: 'Copy the catalogue again.',
  });
}

function unreadable(directory: string, path: string, cause: unknown): LivepatchError {
  if (cause instanceof LivepatchError) return cause;
  // A stick that was pulled leaves no directory, or an empty one: nobody was reached, and that is for the next refresh.
  const what = existsSync(directory)
    ? `cannot read ${path} in ${directory}: ${messageOf(cause)}`
    : `there is no directory ${directory}`;
  return new LivepatchError('network', what, {
    hint: 'Is the medium still there, and mounted? Is remote-server the directory that holds metadata, targets and patches?',
    cause,
  });
}
