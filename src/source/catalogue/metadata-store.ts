/**
 * Trusted TUF metadata, as it is kept between runs, by file name without version: `root.json`, `kernels-4e.json`. Two
 * notes are beside it: `root.pinned` (pinned-root.ts) and `timestamp.etag` (trusted-catalogue.ts).
 */
export interface MetadataStore {
  /** @returns undefined when there is none, or what is there cannot be read: it is fetched again. */
  read(file: string): Buffer | undefined;
  /** Replaces it in one step. @throws LivepatchError `storage` */
  write(file: string, bytes: Uint8Array): void;
}

/** For who only looks, and for tests. */
export function inMemory(entries: Iterable<[string, Buffer]> = []): MetadataStore {
  const files = new Map(entries);
  return {
    read: (file) => files.get(file),
    write: (file, bytes) => void files.set(file, Buffer.from(bytes)),
  };
}
