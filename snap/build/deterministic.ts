/**
 * What makes V8 write the same code cache each time. Measured, byte by byte: without one of these, two caches differ.
 * - hashes of strings are seeded at random; `--random-seed` is the one flag of these that V8 does not note in a cache;
 * - a function that Sparkplug has compiled, in the background, is marked as such;
 * - padding inside objects keeps what was in the memory before. So the heap is so large that no collection hands memory
 *   out again, no other thread takes part, and malloc clears what it gives.
 */
export const NODE_OPTIONS = [
  '--random-seed=1',
  '--no-sparkplug',
  '--min-semi-space-size=512',
  '--max-semi-space-size=512',
  '--initial-old-space-size=1024',
  '--v8-pool-size=0',
];
/** The byte that glibc fills with is the complement of this. */
export const ENVIRONMENT = { GLIBC_TUNABLES: 'glibc.malloc.perturb=255' };

/** Undoes those that V8 notes. */
export const BACK_TO_DEFAULT = [
  '--sparkplug',
  '--min-semi-space-size=0',
  '--max-semi-space-size=0',
  '--initial-old-space-size=0',
];
