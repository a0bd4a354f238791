import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import type { CheckIn } from '../../src/source/server/messages.ts';
import type { Advice, Architecture, Blocklist, CveData, Fix, Ping, Support } from '../../src/types.ts';

/** From the boldest to the most careful. A machine sees the patches of its own tier and of all after it. */
export const TIERS = ['edge', 'beta', 'candidate', 'stable'] as const;
export type Tier = (typeof TIERS)[number];

/** A patch file that the server may serve. */
export interface StoredPatch {
  /** Its name in the directory of patch files, and in the URL. */
  file: string;
  kernel: string;
  architecture: Architecture;
  version: string;
  /** The most careful tier that sees it. */
  tier: Tier;
  sha256: string;
  size: number;
  releasedAt: string;
  fixes: Fix[];
}

export interface StoredMachine {
  id: string;
  tier: Tier;
  registeredAt: string;
  lastCheckIn: string | null;
  /** JSON of the last CheckIn. */
  report: string | null;
  /** JSON of what the machine was last told, and the number of that answer. */
  told: string | null;
  toldSerial: number | null;
}

interface StoredKernel {
  support: Support;
  upgradeRequiredDate: string | null;
}

/** How often a ping came. */
interface StoredPings {
  kernel: string;
  architecture: Architecture;
  version: string;
  event: Ping['event'];
  detail: string;
  count: number;
}

/** Tokens are kept as SHA-256 only: they are random and long, so that is enough, and a leaked file opens nothing. */
const TABLES = `
  CREATE TABLE IF NOT EXISTS authTokens (
    hash     TEXT PRIMARY KEY,
    tier     TEXT NOT NULL,
    machines INTEGER               -- how many may be registered with it at a time; null: any number
  ) STRICT;
  CREATE TABLE IF NOT EXISTS machines (
    id           TEXT PRIMARY KEY,
    tokenHash    TEXT NOT NULL UNIQUE,
    authHash     TEXT NOT NULL REFERENCES authTokens,
    tier         TEXT NOT NULL,
    registeredAt TEXT NOT NULL,
    lastCheckIn  TEXT,
    report       TEXT,
    told         TEXT,
    toldSerial   INTEGER
  ) STRICT;
  CREATE TABLE IF NOT EXISTS patches (
    file         TEXT PRIMARY KEY,
    kernel       TEXT NOT NULL,
    architecture TEXT NOT NULL,
    version      TEXT NOT NULL,
    tier         TEXT NOT NULL,
    sha256       TEXT NOT NULL,
    size         INTEGER NOT NULL,
    releasedAt   TEXT NOT NULL,
    fixes        TEXT NOT NULL,
    blocklisted  INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE IF NOT EXISTS kernels (
    kernel              TEXT NOT NULL,
    architecture        TEXT NOT NULL,
    support             TEXT NOT NULL,
    upgradeRequiredDate TEXT,
    PRIMARY KEY (kernel, architecture)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS blockedDigests (
    kind   TEXT NOT NULL,          -- 'modules' or 'certificates'
    digest TEXT NOT NULL,
    PRIMARY KEY (kind, digest)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS kernelPackageFixes (
    kernel       TEXT NOT NULL,
    architecture TEXT NOT NULL,
    timestamp    TEXT NOT NULL,
    cves         TEXT NOT NULL,    -- JSON: a list of names
    PRIMARY KEY (kernel, architecture)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS pings (
    kernel       TEXT NOT NULL,
    architecture TEXT NOT NULL,
    version      TEXT NOT NULL,
    event        TEXT NOT NULL,
    detail       TEXT NOT NULL,    -- minutes or code; empty when there is neither
    count        INTEGER NOT NULL,
    PRIMARY KEY (kernel, architecture, version, event, detail)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS counter (serial INTEGER NOT NULL) STRICT;
  INSERT INTO counter SELECT 0 WHERE NOT EXISTS (SELECT * FROM counter);
`;

/** `121.10` comes after `121.9`. */
const byVersion = new Intl.Collator('en', { numeric: true }).compare;

/** The server's state. */
export type Database = ReturnType<typeof openDatabase>;

/** Opens the server's state in the SQLite file `path`, making it where there is none. Other processes may share it. */
export function openDatabase(path: string) {
  const sqlite = new DatabaseSync(path, { timeout: 5000 });
  sqlite.exec(`PRAGMA journal_mode = WAL; ${TABLES}`);

  const insertAuthToken = sqlite.prepare('INSERT INTO authTokens VALUES (:hash, :tier, :machines)');
  const selectAuthToken = sqlite.prepare(`
    SELECT tier, machines, (SELECT count(*) FROM machines WHERE authHash = hash AND id != :id) AS others
    FROM authTokens WHERE hash = :hash`);
  const upsertMachine = sqlite.prepare(`
    INSERT OR REPLACE INTO machines (id, tokenHash, authHash, tier, registeredAt)
    VALUES (:id, :tokenHash, :authHash, :tier, :registeredAt)`);
  const selectMachine = sqlite.prepare('SELECT * FROM machines WHERE id = :id');
  const selectMachineByToken = sqlite.prepare('SELECT * FROM machines WHERE tokenHash = :tokenHash');
  const updateCheckIn = sqlite.prepare(
    'UPDATE machines SET lastCheckIn = :lastCheckIn, report = :report WHERE id = :id',
  );
  const updateTold = sqlite.prepare(
    'UPDATE machines SET told = :told, toldSerial = :toldSerial WHERE id = :id',
  );
  const deleteMachine = sqlite.prepare('DELETE FROM machines WHERE id = :id');
  const insertPatch = sqlite.prepare(`
    INSERT INTO patches (file, kernel, architecture, version, tier, sha256, size, releasedAt, fixes)
    VALUES (:file, :kernel, :architecture, :version, :tier, :sha256, :size, :releasedAt, :fixes)`);
  const selectPatches = sqlite.prepare(`
    SELECT * FROM patches WHERE kernel = :kernel AND architecture = :architecture AND blocklisted = 0`);
  const selectPatchFile = sqlite.prepare('SELECT * FROM patches WHERE file = :file AND blocklisted = 0');
  const updateBlocklisted = sqlite.prepare('UPDATE patches SET blocklisted = 1 WHERE version = :version');
  const deletePatches = sqlite.prepare('DELETE FROM patches WHERE version = :version');
  const selectBlockedVersions = sqlite.prepare(`
    SELECT DISTINCT version FROM patches
    WHERE kernel = :kernel AND architecture = :architecture AND blocklisted = 1`);
  const insertBlockedDigest = sqlite.prepare('INSERT OR IGNORE INTO blockedDigests VALUES (:kind, :digest)');
  const selectBlockedDigests = sqlite.prepare('SELECT digest FROM blockedDigests WHERE kind = :kind');
  const upsertKernel = sqlite.prepare(`
    INSERT OR REPLACE INTO kernels VALUES (:kernel, :architecture, :support, :upgradeRequiredDate)`);
  const insertKernel = sqlite.prepare(`
    INSERT OR IGNORE INTO kernels VALUES (:kernel, :architecture, 'supported', NULL)`);
  const selectKernel = sqlite.prepare(
    'SELECT support, upgradeRequiredDate FROM kernels WHERE kernel = :kernel AND architecture = :architecture',
  );
  const upsertFixes = sqlite.prepare(`
    INSERT OR REPLACE INTO kernelPackageFixes VALUES (:kernel, :architecture, :timestamp, :cves)`);
  const selectFixes = sqlite.prepare(
    'SELECT timestamp, cves FROM kernelPackageFixes WHERE kernel = :kernel AND architecture = :architecture',
  );
  const upsertPing = sqlite.prepare(`
    INSERT INTO pings VALUES (:kernel, :architecture, :version, :event, :detail, 1)
    ON CONFLICT DO UPDATE SET count = count + 1`);
  const selectPings = sqlite.prepare('SELECT * FROM pings ORDER BY rowid');
  const updateSerial = sqlite.prepare('UPDATE counter SET serial = serial + 1 RETURNING serial');

  return {
    close: () => sqlite.close(),

    /** A new auth token, for at most `machines` machines at a time; without it, for any number. */
    addAuthToken({ tier = 'stable', machines }: { tier?: Tier; machines?: number | undefined } = {}): string {
      const token = randomUUID();
      insertAuthToken.run({ hash: hash(token), tier, machines: machines ?? null });
      return token;
    },

    /** A new machine token, which ends the one before; or why there is none. */
    register(id: string, authToken: string): { machineToken: string } | 'unknown' | 'used-up' {
      const authHash = hash(authToken);
      const auth = selectAuthToken.get({ hash: authHash, id }) as
        | { tier: Tier; machines: number | null; others: number }
        | undefined;
      if (auth === undefined) return 'unknown';
      if (auth.machines !== null && auth.others >= auth.machines) return 'used-up';
      const machineToken = randomBytes(16).toString('hex');
      const registeredAt = new Date().toISOString();
      upsertMachine.run({ id, tokenHash: hash(machineToken), authHash, tier: auth.tier, registeredAt });
      return { machineToken };
    },

    machine: (id: string) => selectMachine.get({ id }) as unknown as StoredMachine | undefined,

    machineWithToken: (token: string) =>
      selectMachineByToken.get({ tokenHash: hash(token) }) as unknown as StoredMachine | undefined,

    removeMachine(id: string): void {
      deleteMachine.run({ id });
    },

    recordCheckIn(id: string, at: string, report: CheckIn): void {
      updateCheckIn.run({ id, lastCheckIn: at, report: JSON.stringify(report) });
    },

    recordTold(id: string, told: string, serial: number): void {
      updateTold.run({ id, told, toldSerial: serial });
    },

    /** A kernel for which patches are made is a supported one until `setKernel` says otherwise. */
    addPatch(patch: StoredPatch): void {
      insertPatch.run({ ...patch, fixes: JSON.stringify(patch.fixes) });
      insertKernel.run({ kernel: patch.kernel, architecture: patch.architecture });
    },

    /** Ends every file of that version; how many there were. */
    blockVersion: (version: string) => Number(updateBlocklisted.run({ version }).changes),

    /** Takes back a module or a signing certificate by its digest, wherever it turns up. */
    blockDigest(kind: 'modules' | 'certificates', digest: string): void {
      insertBlockedDigest.run({ kind, digest });
    },

    /** All that a machine with this kernel must no longer apply; undefined when there is nothing. */
    blocklist(kernel: string, architecture: Architecture): Blocklist | undefined {
      const digests = (kind: keyof Blocklist) =>
        selectBlockedDigests.all({ kind }).map(({ digest }) => digest as string);
      const patches = selectBlockedVersions
        .all({ kernel, architecture })
        .map(({ version }) => version as string);
      const lists = { patches, modules: digests('modules'), certificates: digests('certificates') };
      const filled = Object.entries(lists).filter(([, list]) => list.length > 0);
      return filled.length === 0 ? undefined : Object.fromEntries(filled);
    },

    /** Forgets every file of that version, without a word against those who have it. */
    withdrawVersion(version: string): void {
      deletePatches.run({ version });
    },

    /** The newest patch of a kernel that a tier may see. */
    newestPatch(kernel: string, architecture: Architecture, tier: Tier): StoredPatch | undefined {
      return selectPatches
        .all({ kernel, architecture })
        .map(toPatch)
        .filter((patch) => isVisible(patch, tier))
        .sort((one, other) => byVersion(one.version, other.version))
        .at(-1);
    },

    /** The patch of that file name, unless it is blocklisted or hidden from the tier. */
    patchFile(file: string, tier: Tier): StoredPatch | undefined {
      const row = selectPatchFile.get({ file });
      if (row === undefined) return undefined;
      const patch = toPatch(row);
      return isVisible(patch, tier) ? patch : undefined;
    },

    setKernel(
      kernel: string,
      architecture: Architecture,
      advice: Pick<Advice, 'support' | 'upgradeRequiredDate'>,
    ) {
      const { support, upgradeRequiredDate = null } = advice;
      upsertKernel.run({ kernel, architecture, support, upgradeRequiredDate });
    },

    kernel: (kernel: string, architecture: Architecture) =>
      selectKernel.get({ kernel, architecture }) as unknown as StoredKernel | undefined,

    /** What newer packages of a kernel fix, as of `timestamp`. */
    setKernelPackageFixes(
      kernel: string,
      architecture: Architecture,
      { kernelPackageFixes, timestamp }: CveData,
    ) {
      upsertFixes.run({ kernel, architecture, timestamp, cves: JSON.stringify(kernelPackageFixes) });
    },

    kernelPackageFixes(kernel: string, architecture: Architecture): CveData | undefined {
      const row = selectFixes.get({ kernel, architecture }) as
        | { timestamp: string; cves: string }
        | undefined;
      return row && { timestamp: row.timestamp, kernelPackageFixes: JSON.parse(row.cves) };
    },

    /** Only counted: what is not kept tells nothing about anybody. */
    countPing(architecture: Architecture, { code, event, kernel, minutes, version }: Ping): void {
      upsertPing.run({ kernel, architecture, version, event, detail: String(minutes ?? code ?? '') });
    },

    /** In the order in which each kind came first. */
    pings: () => selectPings.all() as unknown as StoredPings[],

    /** Greater than every number before it, across restarts. */
    nextSerial: () => (updateSerial.get() as { serial: number }).serial,
  };
}

function hash(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function toPatch(row: Record<string, unknown>): StoredPatch {
  const { blocklisted: _, fixes, ...patch } = row;
  return { ...patch, fixes: JSON.parse(fixes as string) } as StoredPatch;
}

function isVisible(patch: StoredPatch, tier: Tier): boolean {
  return TIERS.indexOf(tier) <= TIERS.indexOf(patch.tier);
}
