import { createHash } from 'node:crypto';
import type { TargetFile } from '@tufjs/models';
import * as v from 'valibot';
import { LivepatchError, messageOf } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import { CveDataSchema, RevokedKeysSchema, Time } from '../../schemas.ts';
import type { Secret } from '../../secret.ts';
import type { Advice, Config, Freshness, Machine } from '../../types.ts';
import { NETWORK_DEPS, type NetworkDeps } from '../network-deps.ts';
import type { CvesFetched, Source } from '../source.ts';
import { type TransportConfig, transport } from '../transport.ts';
import { directoryHost } from './directory-host.ts';
import type { Host } from './host.ts';
import { httpHost } from './http-host.ts';
import { isInTier, type KernelIndex, parseIndex, TIERS, type Tier } from './kernel-index.ts';
import { cvesPath, FIELD, indexPath, METADATA, patchPath, storedPath, TARGETS } from './layout.ts';
import { inMemory, type MetadataStore } from './metadata-store.ts';
import { pinRoot } from './pinned-root.ts';
import { openTrusted, type TrustedCatalogue } from './trusted-catalogue.ts';

export type CatalogueConfig = TransportConfig & Pick<Config, 'remoteServer' | 'tlsPatchDownload' | 'tier'>;

export interface CatalogueDeps {
  clientVersion: string;
  /** The pinned TUF root, JSON. */
  root: Uint8Array;
  /** Trusted metadata between runs; without it each run begins at the pinned root. */
  metadata?: MetadataStore;
  network?: Partial<NetworkDeps>;
}

/** What a catalogue says of one machine's kernel. */
interface Listing {
  /** Undefined when this kernel is not in it. */
  target: TargetFile | undefined;
  revokedKeys: string[];
}

/**
 * A catalogue as a source of patches: static files under TUF metadata (see layout.ts) from a web server or a directory.
 * The machine sends nothing but GETs. Makes no connection until it is asked something.
 * @throws LivepatchError on each call, besides what source.ts says: `expired` when the catalogue was not renewed in
 * time, `clock` when this machine's clock is wrong, `storage`, `trust-anchors` when the pinned root cannot be used.
 */
export function catalogue(config: CatalogueConfig, deps: CatalogueDeps): Source {
  const network = { ...NETWORK_DEPS, ...deps.network };
  const store = pinRoot(deps.metadata ?? inMemory(), deps.root);
  const { clockSkew } = network.limits;
  const at = hostsBelow(config, deps.clientVersion, network);
  const tier = tierOf(config);
  /** The last that was found up to date in this run. */
  let trusted: TrustedCatalogue | undefined;

  async function refresh(token: Secret | undefined, host = at(METADATA)): Promise<TrustedCatalogue> {
    trusted = await openTrusted({ store, host, token, clockSkew });
    return trusted;
  }

  return {
    async checkIn({ known, machine }, token) {
      const host = at(METADATA);
      const current = await refresh(token, host);
      const { freshness } = current;
      const times = { freshness, issuedAt: clockOf(host, freshness) };
      const listing: Listing = {
        target: await targetOf(current, machine),
        revokedKeys: revokedKeys(current),
      };
      const tag = tagOf(listing, tier);
      if (tag === known) return { ...times, advice: 'unchanged' };
      const index = listing.target && (await fetchIndex(at(TARGETS), listing.target, machine, token));
      const advice = { ...adviceOf(index, machine, tier), revokedKeys: listing.revokedKeys, tag };
      return { ...times, advice };
    },
    fetch({ sha256, size }, token) {
      return at('').stream({ path: patchPath(sha256), sha256, size }, token);
    },
    async cves(machine, token, known) {
      const target = await targetOf(trusted ?? (await refresh(token)), machine);
      const index = target && (await fetchIndex(at(TARGETS), target, machine, token));
      if (index?.cves === undefined) return 'none';
      if (index.cves.sha256 === known) return 'unchanged';
      return fetchCves(at(''), index.cves, token);
    },
  };
}

/** @throws LivepatchError `config`: of a tier that does not exist no patch would ever come, and nobody would know why. */
function tierOf({ tier = 'stable' }: Pick<Config, 'tier'>): Tier {
  const known = TIERS.find((name) => name === tier);
  if (known !== undefined) return known;
  throw new LivepatchError('config', `tier: a catalogue has no tier of this name, only ${TIERS.join(', ')}`, {
    hint: "Set another with 'sudo canonical-livepatch config tier=…', or none for stable.",
  });
}

/** Who holds what is below the catalogue's address; over one transport, so that connections can be used again. */
function hostsBelow(
  config: CatalogueConfig,
  clientVersion: string,
  network: NetworkDeps,
): (path: string) => Host {
  const { href } = config.remoteServer;
  const base = new URL(href.endsWith('/') ? href : `${href}/`);
  if (base.protocol === 'file:') return (path) => directoryHost(new URL(path, base));
  const carrier = transport(config, `canonical-livepatch/${clientVersion}`, network);
  return (path) => httpHost(carrier, new URL(path, base), config.tlsPatchDownload);
}

function targetOf(
  current: TrustedCatalogue,
  { architecture, kernel }: Machine,
): Promise<TargetFile | undefined> {
  return current.target(indexPath(kernel, architecture));
}

function revokedKeys(current: TrustedCatalogue): string[] {
  const keys = v.safeParse(v.optional(RevokedKeysSchema, []), current.field(FIELD.revokedKeys));
  if (keys.success) return keys.output;
  throw new LivepatchError('bad-answer', 'the catalogue was refused: its revoked keys are not as agreed');
}

/** Changes when the advice does, and tells nothing of the machine. */
function tagOf({ revokedKeys, target }: Listing, tier: Tier): string {
  return sha256(JSON.stringify([tier, target?.hashes ?? null, revokedKeys]));
}

async function fetchIndex(
  targets: Host,
  target: TargetFile,
  { architecture, kernel }: Machine,
  token: Secret | undefined,
): Promise<KernelIndex> {
  const bytes = await fetchTarget(targets, target, token);
  try {
    const index = parseIndex(bytes);
    // Wrong software: a genuine index under another kernel's name.
    if (index.kernel !== kernel || index.architecture !== architecture)
      throw new Error('it is of another kernel');
    return index;
  } catch (error) {
    throw new LivepatchError('bad-answer', `the catalogue's index of kernel ${kernel}: ${messageOf(error)}`);
  }
}

/** A target small enough to be held in memory. @throws LivepatchError as host.ts, `digest` */
export async function fetchTarget(
  targets: Host,
  target: TargetFile,
  token: Secret | undefined,
): Promise<Buffer> {
  const { sha256: digest } = target.hashes;
  if (digest === undefined)
    throw new LivepatchError('bad-answer', 'the catalogue has a target without a SHA-256');
  const path = storedPath(target.path, digest);
  return readDeclared(targets, { path, sha256: digest, size: target.length }, token);
}

async function fetchCves(
  host: Host,
  { sha256: digest, size }: { sha256: string; size: number },
  token: Secret | undefined,
): Promise<CvesFetched> {
  const bytes = await readDeclared(host, { path: cvesPath(digest), sha256: digest, size }, token);
  try {
    return { ...v.parse(CveDataSchema, JSON.parse(bytes.toString('utf8'))), digest };
  } catch {
    throw new LivepatchError('bad-answer', "the catalogue's CVE data is not as agreed");
  }
}

/** @throws LivepatchError as host.ts, `digest` */
async function readDeclared(
  host: Host,
  { path, sha256: digest, size }: { path: string; sha256: string; size: number },
  token: Secret | undefined,
): Promise<Buffer> {
  const fetched = await host.get({ path, limit: Math.min(size, LIMITS.network.answerBytes), token });
  if (fetched.found !== 'file') {
    throw new LivepatchError('bad-answer', `the catalogue is not complete: ${host.address} has no ${path}`, {
      hint: 'It may be being uploaded; metadata/timestamp.json goes last.',
    });
  }
  if (fetched.bytes.length === size && sha256(fetched.bytes) === digest) return fetched.bytes;
  throw new LivepatchError('digest', `the catalogue's ${path} does not have the size and SHA-256 declared`, {
    hint: 'It was damaged on its way or on the host, and was discarded; the next refresh fetches it again. If it stays so, tell those who publish it.',
  });
}

function adviceOf(
  index: KernelIndex | undefined,
  { kernel }: Machine,
  tier: Tier,
): Omit<Advice, 'revokedKeys' | 'tag'> {
  if (index === undefined) return { kernel, support: 'unsupported', tier, candidates: [], withdrawn: [] };
  const { cves, patches, support, upgradeRequiredDate, withdrawn } = index;
  return {
    kernel,
    support,
    upgradeRequiredDate,
    tier,
    candidates: patches
      .filter((patch) => isInTier(patch, tier))
      .map(({ tier: _, ...candidate }) => candidate),
    withdrawn,
    cves: cves?.sha256,
  };
}

/**
 * What the time is at least, or what the host says that it is. A clock that is behind makes expired metadata look fresh,
 * and only that: it must not keep a machine from patches that are as genuine as ever.
 */
function clockOf({ clock }: Host, { renewedAt }: Freshness): string | undefined {
  if (renewedAt !== undefined && new Date(renewedAt) > new Date()) return renewedAt;
  const told = v.safeParse(Time, clock?.toISOString());
  return told.success ? told.output : undefined;
}

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
