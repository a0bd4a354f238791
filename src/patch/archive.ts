import { LivepatchError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { unpack } from './compression.ts';
import { readTar, type TarEntry } from './tar.ts';

/** The files of a patch archive, in memory. Nothing in them is verified yet. */
export interface ArchiveFiles {
  metadata: Uint8Array;
  /** The detached signature of the metadata, if there is one. */
  metadataSignature: Uint8Array | undefined;
  /** With its signature. */
  module: Uint8Array;
}

const DIRECTORY = /^livepatch-[0-9A-Za-z.+~_-]{1,120}$/;
const METADATA = 'metadata.json';
const METADATA_SIGNATURE = 'metadata.json.p7s';
/** Builders name files as they like; which module it is, it says itself. */
const MODULE = /^[0-9A-Za-z_][0-9A-Za-z.+~_-]{0,95}\.ko$/;

/**
 * Reads a patch file: a compressed tar archive of one directory `livepatch-*` with `metadata.json`, its
 * signature `metadata.json.p7s` and one `*.ko`. The whole source is read or let go. Nothing is written anywhere, so no name in the archive can choose a path; what is
 * held in memory is these files, each bounded by what its header announces before it is read. Throws 'archive' for
 * everything else, with a message of its own; errors of the source pass through.
 */
export function readArchive(source: AsyncIterable<Uint8Array>): Promise<ArchiveFiles> {
  return readUnpacked(unpack(source));
}

/** The same of an archive that is unpacked already. */
export async function readUnpacked(tar: AsyncIterable<Uint8Array>): Promise<ArchiveFiles> {
  const allowList = openAllowList();
  await readTar(tar, allowList.open);
  return allowList.files();
}

function openAllowList() {
  const seen = new Set<string>();
  let directory: string | undefined;
  let metadata: Uint8Array | undefined;
  let metadataSignature: Uint8Array | undefined;
  let module: Uint8Array | undefined;

  const open = (entry: TarEntry): Uint8Array => {
    const [top, file] = splitName(entry);
    if (seen.has(file)) throw refused('a name in it occurs twice');
    seen.add(file);
    if (directory !== undefined && directory !== top) throw refused('there are two directories in it');
    directory = top;

    if (entry.type === 'directory') return new Uint8Array();
    if (file === METADATA) {
      metadata = allocate(entry, LIMITS.patch.metadataBytes);
      return metadata;
    }
    if (file === METADATA_SIGNATURE) {
      metadataSignature = allocate(entry, LIMITS.patch.signatureBytes);
      return metadataSignature;
    }
    if (!MODULE.test(file)) throw refused('there is a file in it that does not belong there');
    if (module !== undefined) throw refused('there are two modules in it');
    module = allocate(entry, LIMITS.patch.moduleBytes);
    return module;
  };
  const files = (): ArchiveFiles => {
    if (metadata === undefined) throw refused('there is no metadata.json in it');
    if (module === undefined) throw refused('there is no module in it');
    return { metadata, metadataSignature, module };
  };
  return { open, files };
}

/** The directory, and the name in it; empty for the directory itself. */
function splitName(entry: TarEntry): [string, string] {
  const { name, type } = entry;
  if (!/^[\x21-\x7e]+$/.test(name)) throw refused('a name in it has characters that do not belong there');
  if (name.startsWith('/')) throw refused('a name in it is absolute');
  const parts = name.split('/');
  if (parts.includes('..')) throw refused('a name in it leads out of its directory');
  const [directory = '', file = '', ...deeper] = parts;
  if (!DIRECTORY.test(directory)) throw refused('there is an unknown directory in it');
  if (deeper.length > 0 || (file === '') !== (type === 'directory')) {
    throw refused('it holds more than one directory with files in it');
  }
  return [directory, file];
}

function allocate(entry: TarEntry, limit: number): Uint8Array {
  if (entry.size > limit) throw refused(`a file in it is larger than ${limit} bytes`);
  return new Uint8Array(entry.size);
}

function refused(why: string): LivepatchError {
  return new LivepatchError('archive', `the patch file was refused: ${why}`);
}
