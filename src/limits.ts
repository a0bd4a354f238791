/** Every bound of the program, in one place, each with its reason. Sizes in bytes, times in milliseconds. */

const KiB = 1024;
const MiB = 1024 * KiB;
const SECOND = 1000;

export const LIMITS = {
  network: {
    /** The largest JSON answer: an advice with a thousand fixes is under 400 KiB. */
    answerBytes: 1 * MiB,
    /** A server's error text that may reach a person. */
    errorTextLength: 200,
    /** A file host and a CDN in front of it; more is a loop. */
    redirects: 3,
    /** From the last header to the end of a JSON answer. */
    answerTime: 30 * SECOND,
    /** No byte for so long: the peer is gone or is holding us. */
    idleTime: 30 * SECOND,
    /** A whole patch file, on a slow line: 64 MiB at 1 Mbit/s is 9 minutes. */
    downloadTime: 15 * 60 * SECOND,
  },
  patch: {
    /** The largest patch file fetched. The field's are 0.1 to 5 MiB. */
    archiveBytes: 1024 * MiB,
    /** The largest module. The kernel's own bound on a module file is INT_MAX. */
    moduleBytes: 768 * MiB,
    metadataBytes: 1 * MiB,
    /** A directory, metadata.json, the module, and pax headers around them. */
    archiveEntries: 8,
    /** The kernel's MODULE_NAME_LEN is 64 - sizeof(long), one of them the NUL. */
    moduleNameLength: 55,
    fixes: 1000,
  },
  kernel: {
    /** kpatch waits 15 s, then 60 s more after the stragglers were signalled; the kernel signals every 15 s. */
    transitionTime: 75 * SECOND,
    /** Another patch in transition answers EBUSY: kpatch tries 5 times, 2 s apart. */
    busyRetries: 5,
    busyPause: 2 * SECOND,
    /** A replaced or disabled module lets go within moments; kpatch waits 15 s. */
    refcountTime: 15 * SECOND,
    /** Polls start here and double up to the longest: quick for the usual second, cheap for a stall. */
    pollShortest: 20,
    pollLongest: 1 * SECOND,
    /** insmod and rmmod return at once unless the module's own init hangs. */
    commandTime: 60 * SECOND,
  },
  store: {
    /** Config with some PEM bundles, a record with a thousand fixes. */
    fileBytes: 4 * MiB,
    /** A timer's refresh that meets a person's waits so long before it says who holds the lock. */
    lockTime: 10 * SECOND,
  },
} as const;
