/** Every bound of the program, in one place, each with its reason. Sizes in bytes, times in milliseconds. */

const KiB = 1024;
const MiB = 1024 * KiB;
const SECOND = 1000;

export const LIMITS = {
  network: {
    /** The largest JSON answer: an advice with a thousand fixes is under 400 KiB. */
    answerBytes: 1 * MiB,
    /** A server's error text, or an address of its choice, that may reach a person. */
    errorTextLength: 200,
    /** A file host and a CDN in front of it; more is a loop. */
    redirects: 3,
    /** From the sent request to the last byte of a JSON answer, and to the last header of any. */
    answerTime: 30 * SECOND,
    /** No byte for so long: the peer is gone or is holding us. */
    idleTime: 30 * SECOND,
    /** A whole patch file, on a slow line, breaks included: 64 MiB at 1 Mbit/s is 9 minutes. */
    downloadTime: 15 * 60 * SECOND,
    /** Tries of one request. More only delay what the next timer's run does anyway. */
    attempts: 4,
    /** Pauses between them grow from this to that, with full jitter: a fleet must not come back in step. */
    pauseShortest: 1 * SECOND,
    pauseLongest: 10 * SECOND,
    /** The longest Retry-After that is waited for; a server that asks for more gets it, from the next timer's run. */
    retryAfterLongest: 60 * SECOND,
    /** A machine that has been up for less is still booting, and its network may still be missing, */
    bootTime: 5 * 60 * SECOND,
    /** but not for longer than this after the first try. */
    bootPatience: 90 * SECOND,
    /** A server's clock that is further from ours than this is reported. */
    clockSkew: 10 * 60 * SECOND,
    /** All vulnerabilities that were ever named in a kernel series: some thousands since 2024. */
    cves: 10_000,
    /** One question about them, once the patch is in: nobody waits for long for what is only shown. */
    cvesTime: 5 * SECOND,
    /** One ping, all of it: a server that does not take it in that time does not get it. */
    pingTime: 3 * SECOND,
    /** When all else is done, no more pings are begun after this: a slow server must not hold a run by taking each. */
    pingsTime: 3 * SECOND,
  },
  patch: {
    /** The largest patch file fetched. The field's are 0.1 to 5 MiB. */
    archiveBytes: 1024 * MiB,
    /** The largest module. The kernel's own bound on a module file is INT_MAX. */
    moduleBytes: 768 * MiB,
    metadataBytes: 1 * MiB,
    /** A detached signature: that of an RSA key of 4096 bits, with a long issuer name, is under 1 KiB. */
    signatureBytes: 8 * KiB,
    /** A directory, metadata.json, its signature, the module, and pax headers around them. */
    archiveEntries: 10,
    /** All of an unpacked archive: the largest module and metadata, and tar's own blocks. */
    unpackedBytes: (768 + 1 + 1) * MiB,
    /**
     * A bomb unpacks to a thousand times its size with gzip, to far more with zstd; a module to 3 or 4 times,
     * and 20 with debug information. What is unpacked first is free: small files are no bombs.
     */
    unpackedRatio: 64,
    unpackedFree: 8 * MiB,
    /**
     * gzip and zstd make what cannot be compressed larger by less than a thousandth. What is packed first is free: it
     * covers what a decompressor holds back. A mebibyte of empty zstd frames takes a second.
     */
    packedRatio: 2,
    packedFree: 1 * MiB,
    /** The largest module takes some seconds; on a slow arm64 board some 20. */
    unpackTime: 60 * SECOND,
    /** A pax header: some times and a user's name are under 200. */
    paxBytes: 4 * KiB,
    /** The window a zstd decoder must offer (RFC 8878 section 3.1.1.1.2), all that zstd -19 uses: 8 MiB. */
    zstdWindowLog: 23,
    /** A module's .modinfo: the largest of Linux 6.1, full of device aliases, is under 300 KiB. */
    modinfoBytes: 1 * MiB,
    /** The kernel's own are under 80 bytes. */
    vermagicLength: 256,
    /** A build id note: 36 bytes with SHA-1. What the state keeps of it is twice as many hex digits. */
    buildIdBytes: 128,
    /** The kernel's MODULE_NAME_LEN is 64 - sizeof(long), one of them the NUL. */
    moduleNameLength: 55,
    fixes: 1000,
    /** Entries of each list of what a source has withdrawn or revoked. */
    withdrawn: 1000,
    /** Patches that a source may name for one kernel: some years of one a fortnight. */
    candidates: 100,
    /** Fixes of all of them together: a hundred cumulative patches of a hundred fixes each. */
    fixesOfAll: 10_000,
  },
  catalogue: {
    metadata: {
      /** Some dozens of keys. */
      root: 256 * KiB,
      /** A version, and some signatures: 500 bytes. */
      timestamp: 16 * KiB,
      /** 256 bins in 9 KiB; room for more of them. */
      snapshot: 2 * MiB,
      /** A bin with 20 kernels is 5 KiB; without bins, 5,000 kernels are 1 MiB. */
      targets: 4 * MiB,
    },
    /** Roles that are searched for one target; ours takes two. */
    delegations: 32,
    /** Newer roots that one update follows: some years of one a month. */
    rootRotations: 256,
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
    /** After its transition a patch is watched for so long before it counts as settled. */
    watchTime: 10 * SECOND,
    /** How long a machine has to be up before a patch that it may have died of is tried once more. */
    cleanTime: 15 * 60 * SECOND,
    /** Steps of policy/life-cycle.ts on the way to one goal; the longest way that leads anywhere has six. */
    steps: 12,
    /** insmod and rmmod return at once unless the module's own init hangs; so does snapctl unless snapd is stuck. */
    commandTime: 60 * SECOND,
    /** dpkg's database: the 3,000 packages of a desktop take 5 MiB. */
    packagesBytes: 16 * MiB,
    /** The kernel's own buffer is 256 KiB to 2 MiB, and some for each processor; more is set with log_buf_len alone. */
    logBytes: 64 * MiB,
    /** What is remembered of the log while a patch is watched: a fault is told in under 300 records. */
    logRecords: 20_000,
  },
  operations: {
    /** Steps of the loop in one run: a stack of ten patches after a reboot takes about sixty. */
    steps: 200,
    /**
     * The timer elapses in each hour at a random minute: who let a turn pass for coming early could wait two hours for
     * the next, and a fleet would crowd towards the end of the hour (1.4 times the mean, says the simulation).
     */
    timerSlack: 60 * 60 * SECOND,
    /**
     * After this long without a check-in, check at boot; otherwise wait for the timer, to avoid a thundering herd after a
     * mass reboot.
     */
    bootAge: 24 * 60 * 60 * SECOND,
    /** What is told of one patch is at most eight pings; some reboots without a network fit in. */
    owedPings: 64,
  },
  doctor: {
    /** Looking up one name. The answer comes at once, or a name server is missing. */
    lookUpTime: 3 * SECOND,
    /** One connection, */
    dialTime: 2 * SECOND,
    /** and all that the source is asked over it: somebody is waiting, and all of it has to end within 10 s. */
    answerTime: 3 * SECOND,
    /** Written and removed again to see whether the disk takes anything: more than a file system keeps in an inode. */
    probeBytes: 64 * KiB,
  },
  report: {
    /** Two days of hourly checks without one that succeeded: longer than a weekend's outage. */
    goodCheckAge: 48 * 60 * 60 * SECOND,
  },
  store: {
    /** Config with some PEM bundles; the most that is read of any file, and so the most that is written to it. */
    fileBytes: 4 * MiB,
    /**
     * The same for the state. One answer at its limit, `answerBytes`, is kept as up to 4.5 times as much: all fields
     * that may be left out are written. The rest is for patches that were applied or reverted.
     */
    stateBytes: 16 * MiB,
    /** A catalogue's root.json with some dozen keys and signatures is under 30 KiB. */
    catalogueRootBytes: 512 * KiB,
    /** An argument of a program, key and all: Linux's MAX_ARG_STRLEN is 128 KiB. */
    argumentBytes: 120 * KiB,
    /** The field's largest patch files, several times over. */
    freeBytes: 64 * MiB,
    /** A year of a patch a day is under 100 KiB; a second file keeps what rotation moves. */
    historyBytes: 256 * KiB,
    /** For collectors that come by now and then: some ten thousand events, in so many files. */
    securityLogBytes: 1 * MiB,
    securityLogFiles: 4,
    /** A timer's refresh that meets a person's waits so long before it says who holds the lock. */
    lockTime: 10 * SECOND,
  },
} as const;
