import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { LivepatchError } from '../../errors.ts';
import { readArchive } from '../../patch/archive.ts';
import { provePatch } from '../../patch/patch.ts';
import { compareVersions } from '../../policy/version.ts';
import { CveDataSchema } from '../../schemas.ts';
import type { KernelIndex, ListedPatch, Tier } from '../../source/catalogue/kernel-index.ts';
import { cvesPath, patchPath } from '../../source/catalogue/layout.ts';
import type { Architecture, Metadata, Support, TrustAnchor } from '../../types.ts';
import type { Repository } from './repository.ts';

/** Which kernels a change is for; all where nothing is said. */
export interface Scope {
  kernel?: string | undefined;
  architecture?: string | undefined;
}

/** How far a patch is to go. */
export interface Reach {
  tier?: Tier | undefined;
  /** Per cent of machines. */
  phase?: number | undefined;
}

type Progress = (done: number, all: number) => void;

/**
 * Adds a patch file, after it was proven as a client would prove it. One that is there already gets the new reach.
 * @throws LivepatchError as `provePatch`, `usage` when its version was withdrawn or names another patch.
 */
export async function addPatch(
  repository: Repository,
  archive: Uint8Array,
  anchors: readonly TrustAnchor[],
  reach: Reach,
): Promise<{ metadata: Metadata; listed: ListedPatch }> {
  const revoked = { keys: new Set(repository.revokedKeys), modules: new Set<string>() };
  const files = await readArchive(whole(archive));
  const { metadata } = provePatch(files, { anchors, allowSha256: false, revoked }, {});
  const { architecture, kernel, version } = metadata;
  const index = repository.index(kernel, architecture) ?? newIndex(kernel, architecture);
  const there = index.patches.find((patch) => patch.version === version);
  const sha256 = createHash('sha256').update(archive).digest('hex');
  requireNew(index, metadata, there !== undefined && there.sha256 !== sha256);
  const listed = { ...listing(metadata, sha256, archive.length), ...there, ...given(reach) };
  repository.putFile(patchPath(sha256), archive);
  repository.putIndex({
    ...index,
    patches: sorted([...index.patches.filter((one) => one !== there), listed]),
  });
  return { metadata, listed };
}

/** What a client is told of a patch: what its signed metadata says, and nothing else, or the client refuses it. */
export function listing(metadata: Metadata, sha256: string, size: number): ListedPatch {
  const { cumulative, digest, fixes, module, releasedAt, version } = metadata;
  return { version, digest, module, cumulative, releasedAt, fixes, sha256, size, tier: 'stable' };
}

function requireNew({ withdrawn }: KernelIndex, { digest, version }: Metadata, isTaken: boolean): void {
  const hint = 'Pack it again under a new version.';
  if (withdrawn.some((one) => one.version === version || one.digest === digest)) {
    throw new LivepatchError('usage', `patch ${version} was withdrawn: machines do not take it again`, {
      hint,
    });
  }
  if (isTaken) {
    throw new LivepatchError('usage', `patch ${version} of this kernel is another file in the catalogue`, {
      hint,
    });
  }
}

/** Changes how far a patch goes. @returns what was changed. @throws LivepatchError `usage` when there is no such patch. */
export function setReach(
  repository: Repository,
  version: string,
  scope: Scope,
  reach: Reach,
  progress?: Progress,
): KernelIndex[] {
  return change(repository, version, scope, progress, (index) => ({
    ...index,
    patches: index.patches.map((patch) =>
      patch.version === version ? { ...patch, ...given(reach) } : patch,
    ),
  }));
}

/** Withdraws a patch: no machine applies it any more. @returns, @throws as `setReach`. */
export function withdraw(
  repository: Repository,
  version: string,
  scope: Scope,
  progress?: Progress,
): KernelIndex[] {
  return change(repository, version, scope, progress, (index) => {
    const gone = index.patches.filter((patch) => patch.version === version);
    return {
      ...index,
      patches: index.patches.filter((patch) => patch.version !== version),
      withdrawn: [...gone.map(({ digest }) => ({ version, digest })), ...index.withdrawn],
    };
  });
}

function change(
  repository: Repository,
  version: string,
  { architecture, kernel }: Scope,
  progress: Progress | undefined,
  edit: (index: KernelIndex) => KernelIndex,
): KernelIndex[] {
  const changed: KernelIndex[] = [];
  for (const index of repository.indexes(progress)) {
    const isMeant =
      (kernel === undefined || index.kernel === kernel) &&
      (architecture === undefined || index.architecture === architecture) &&
      index.patches.some((patch) => patch.version === version);
    if (isMeant) changed.push(edit(index));
  }
  if (changed.length === 0) {
    throw new LivepatchError('usage', `there is no patch ${version} in the catalogue`, {
      hint: "See 'livepatch-publish list'.",
    });
  }
  for (const index of changed) repository.putIndex(index);
  return changed;
}

/** What a publisher says of a kernel. */
export interface KernelFacts {
  support?: Support | undefined;
  upgradeRequiredDate?: string | undefined;
  /** CVE data, JSON. */
  cves?: Uint8Array | undefined;
}

/** @throws LivepatchError `usage` when the CVE data is none. */
export function setKernel(
  repository: Repository,
  kernel: string,
  architecture: Architecture,
  { cves, support, upgradeRequiredDate }: KernelFacts,
): KernelIndex {
  const index = repository.index(kernel, architecture) ?? newIndex(kernel, architecture);
  const changed: KernelIndex = {
    ...index,
    ...(support === undefined ? {} : { support }),
    ...(upgradeRequiredDate === undefined ? {} : { upgradeRequiredDate }),
    ...(cves === undefined ? {} : { cves: putCves(repository, cves) }),
  };
  repository.putIndex(changed);
  return changed;
}

function putCves(repository: Repository, bytes: Uint8Array): { sha256: string; size: number } {
  try {
    v.parse(CveDataSchema, JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (cause) {
    throw new LivepatchError('usage', 'the CVE data is not as a client takes it', {
      hint: 'It is JSON: {"timestamp": "2026-11-01T00:00:00Z", "kernelPackageFixes": ["CVE-2026-0001"]}',
      cause,
    });
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  repository.putFile(cvesPath(sha256), bytes);
  return { sha256, size: bytes.length };
}

function newIndex(kernel: string, architecture: Architecture): KernelIndex {
  return { kernel, architecture, support: 'supported', patches: [], withdrawn: [] };
}

function given({ phase, tier }: Reach): Partial<ListedPatch> {
  return {
    ...(tier === undefined ? {} : { tier }),
    ...(phase === undefined ? {} : { phase: phase === 100 ? undefined : phase }),
  };
}

function sorted(patches: ListedPatch[]): ListedPatch[] {
  return patches.toSorted((a, b) => compareVersions(b.version, a.version));
}

async function* whole(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
