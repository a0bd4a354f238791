import type { Secret } from '../../secret.ts';

/** A file that was asked for in one piece. */
type Fetched =
  /** There is no such file: which for a newer root is the usual answer. Denied: 403, by which a bucket says both. */
  | { found: 'missing'; denied: boolean }
  /** It is still what its tag says; only when a tag was given. */
  | { found: 'unchanged' }
  | { found: 'file'; bytes: Buffer; etag: string | undefined };

/** What is to be fetched, and how much of it at the most. */
export interface FileRequest {
  /** Below the host's address, encoded as in an address; a directory holds it under this very name. */
  path: string;
  /** The largest file that is taken, in bytes. */
  limit: number;
  token?: Secret | undefined;
  /** Of the copy that is here. */
  etag?: string | undefined;
}

/** A patch file, as it was declared. */
interface DeclaredFile {
  path: string;
  size: number;
  /** Lower-case hex. */
  sha256: string;
}

/** Who carries a catalogue: a web server, or a directory. Nothing it says is believed. */
export interface Host {
  /** For messages; without a query. */
  address: string;
  /** The host's clock as of its last answer, where it has one of its own. */
  clock?: Date | undefined;
  /**
   * A whole file.
   * @throws LivepatchError `network` when the host cannot be reached, `server-refused`, `bad-answer`, also when the file
   * is longer than the limit.
   */
  get(request: FileRequest): Promise<Fetched>;
  /**
   * The bytes of a file, to be thrown away when they end in an error: they do unless size and SHA-256 are as declared.
   * @throws LivepatchError as `get`, `digest`
   */
  stream(file: DeclaredFile, token: Secret | undefined): AsyncIterable<Uint8Array>;
}

/** Longer than allowed: endless data, or metadata that is not ours. */
export function tooLong(path: string, limit: number): string {
  return `${path} is longer than the ${limit} bytes allowed`;
}
