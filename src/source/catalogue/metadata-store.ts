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

/** What is kept, and over it what is written now, which is gone with the process. */
export function onTopOf(kept: MetadataStore): MetadataStore {
  const written = inMemory();
  return { read: (file) => written.read(file) ?? kept.read(file), write: written.write };
}

/** For tests, and for a client that keeps nothing. */
export function inMemory(entries: Iterable<[string, Buffer]> = []): MetadataStore {
  const files = new Map(entries);
  return {
    read: (file) => files.get(file),
    write: (file, bytes) => void files.set(file, Buffer.from(bytes)),
  };
}
