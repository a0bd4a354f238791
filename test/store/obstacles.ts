import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What may stand in the place of a file of ours, each of which cannot be read as that file. */
export const OBSTACLES: Record<string, (path: string) => void> = {
  'nothing at all': (path) => writeFileSync(path, ''),
  garbage: (path) => writeFileSync(path, 'x'.repeat(40)),
  'bytes that are not UTF-8': (path) => writeFileSync(path, Buffer.from([0x7b, 0xff, 0x7d])),
  'half a file': (path) => writeFileSync(path, '{"schema": 2, "warn'),
  'a huge file': (path) => {
    writeFileSync(path, '');
    // Sparse.
    truncateSync(path, 2 ** 33);
  },
  'a directory that holds something': (path) => {
    mkdirSync(path);
    writeFileSync(join(path, 'precious'), 'mine');
  },
  'a link': (path) => symlinkSync('/etc/hostname', path),
  'a link to nowhere': (path) => symlinkSync('/nonexistent', path),
  'a link to itself': (path) => symlinkSync(path, path),
  'a FIFO': (path) => void execFileSync('mkfifo', [path]),
};
