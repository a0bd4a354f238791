import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { compareVersions } from '../../src/policy/version.ts';
import type { CheckIn } from '../../src/source/server/messages.ts';
import type {
  Advice,
  Architecture,
  Candidate,
  CveData,
  Ping,
  Support,
  WithdrawnPatch,
} from '../../src/types.ts';

/** From the boldest to the most careful. A machine sees the patches of its own tier and of all after it. */
export const TIERS = ['edge', 'beta', 'candidate', 'stable'] as const;
export type Tier = (typeof TIERS)[number];

/** A patch file that the server may serve, with what its signed metadata says. */
export interface StoredPatch extends Candidate {
  /** Its name in the directory of patch files, and in the URL. */
  file: string;
  kernel: string;
  architecture: Architecture;
  /** The most careful tier that sees it. */
  tier: Tier;
}

export interface StoredMachine {
  id: string;
  tier: Tier;
  registeredAt: string;
  lastCheckIn: string | null;
  /** JSON of the last CheckIn. */
  report: string | null;
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
  tier: string;
  detail: string;
  count: number;
  transitions: number;
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
    report       TEXT
  ) STRICT;
  CREATE TABLE IF NOT EXISTS patches (
    file         TEXT PRIMARY KEY,
    kernel       TEXT NOT NULL,
    architecture TEXT NOT NULL,
    version      TEXT NOT NULL,
    digest       TEXT NOT NULL,
    module       TEXT NOT NULL,
    cumulative   INTEGER NOT NULL,
    phase        INTEGER,
    tier         TEXT NOT NULL,
    sha256       TEXT NOT NULL,
    size         INTEGER NOT NULL,
    releasedAt   TEXT NOT NULL,
    fixes        TEXT NOT NULL,
    withdrawn    INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE IF NOT EXISTS kernels (
    kernel              TEXT NOT NULL,
    architecture        TEXT NOT NULL,
    support             TEXT NOT NULL,
    upgradeRequiredDate TEXT,
    PRIMARY KEY (kernel, architecture)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS revokedKeys (
    id TEXT PRIMARY KEY            -- SHA-256 of the public key, SubjectPublicKeyInfo in DER
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
    detail       TEXT NOT NULL,    -- minutes, code, or what it was a reboot of; empty when there is none of them
    tier         TEXT NOT NULL,    -- empty when it was not told
    count        INTEGER NOT NULL,
    transitions  REAL NOT NULL,    -- seconds of all transitions that were told with it
    PRIMARY KEY (kernel, architecture, version, event, tier, detail)
  ) STRICT;
`;

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
  const deleteMachine = sqlite.prepare('DELETE FROM machines WHERE id = :id');
  const insertPatch = sqlite.prepare(`
    INSERT INTO patches (file, kernel, architecture, version, digest, module, cumulative, phase, tier, sha256, size,
      releasedAt, fixes)
    VALUES (:file, :kernel, :architecture, :version, :digest, :module, :cumulative, :phase, :tier, :sha256, :size,
      :releasedAt, :fixes)`);
  const selectPatches = sqlite.prepare(`
    SELECT * FROM patches WHERE kernel = :kernel AND architecture = :architecture AND withdrawn = 0`);
  const selectPatchFile = sqlite.prepare('SELECT * FROM patches WHERE file = :file AND withdrawn = 0');
  const updateWithdrawn = sqlite.prepare('UPDATE patches SET withdrawn = 1 WHERE version = :version');
  const deletePatches = sqlite.prepare('DELETE FROM patches WHERE version = :version');
  const selectWithdrawn = sqlite.prepare(`
    SELECT version, digest FROM patches
    WHERE kernel = :kernel AND architecture = :architecture AND withdrawn = 1`);
  const insertRevokedKey = sqlite.prepare('INSERT OR IGNORE INTO revokedKeys VALUES (:id)');
  const selectRevokedKeys = sqlite.prepare('SELECT id FROM revokedKeys ORDER BY id');
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
    INSERT INTO pings VALUES (:kernel, :architecture, :version, :event, :detail, :tier, 1, :transitionSeconds)
    ON CONFLICT DO UPDATE SET count = count + 1, transitions = transitions + :transitionSeconds`);
  const selectPings = sqlite.prepare('SELECT * FROM pings ORDER BY rowid');

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

    /** A kernel for which patches are made is a supported one until `setKernel` says otherwise. */
    addPatch(patch: StoredPatch): void {
      insertPatch.run({
        ...patch,
        cumulative: Number(patch.cumulative),
        phase: patch.phase ?? null,
        fixes: JSON.stringify(patch.fixes),
      });
      insertKernel.run({ kernel: patch.kernel, architecture: patch.architecture });
    },

    /** Has no machine apply that version any more; how many patches that were. */
    withdraw: (version: string) => Number(updateWithdrawn.run({ version }).changes),

    /** @param id SHA-256 of the public key, as TrustAnchor.keyId. */
    revokeKey(id: string): void {
      insertRevokedKey.run({ id });
    },

    revokedKeys: () => selectRevokedKeys.all().map(({ id }) => id as string),

    /** Patches that a machine with this kernel must no longer apply. */
    withdrawn: (kernel: string, architecture: Architecture) =>
      selectWithdrawn
        .all({ kernel, architecture })
        .map(({ digest, version }) => ({ version, digest }) as unknown as WithdrawnPatch),

    /** Forgets every file of that version, without a word against those who have it. */
    forgetVersion(version: string): void {
      deletePatches.run({ version });
    },

    /** The patches of a kernel that a tier may see, newest first. */
    patches(kernel: string, architecture: Architecture, tier: Tier): StoredPatch[] {
      return selectPatches
        .all({ kernel, architecture })
        .map(toPatch)
        .filter((patch) => isVisible(patch, tier))
        .sort((one, other) => compareVersions(other.version, one.version));
    },

    /** The patch of that file name, unless it is withdrawn or hidden from the tier. */
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
    countPing(architecture: Architecture, ping: Ping): void {
      const { code, event, kernel, minutes, of, tier = '', transitionSeconds = 0, version } = ping;
      const detail = [of, minutes, code].filter((part) => part !== undefined).join(' ');
      upsertPing.run({ kernel, architecture, version, event, tier, detail, transitionSeconds });
    },

    /** In the order in which each kind came first. */
    pings: () => selectPings.all() as unknown as StoredPings[],
  };
}

function hash(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function toPatch(row: Record<string, unknown>): StoredPatch {
  const { cumulative, fixes, phase, withdrawn: _, ...patch } = row;
  return {
    ...patch,
    cumulative: cumulative === 1,
    ...(phase !== null && { phase }),
    fixes: JSON.parse(fixes as string),
  } as StoredPatch;
}

function isVisible(patch: StoredPatch, tier: Tier): boolean {
  return TIERS.indexOf(tier) <= TIERS.indexOf(patch.tier);
}
