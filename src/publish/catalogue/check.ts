import { pathToFileURL } from 'node:url';
import { LivepatchError, messageOf } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import { readArchive } from '../../patch/archive.ts';
import { provePatch } from '../../patch/patch.ts';
import { fetchTarget } from '../../source/catalogue/catalogue.ts';
import { directoryHost } from '../../source/catalogue/directory-host.ts';
import { type KernelIndex, type ListedPatch, parseIndex } from '../../source/catalogue/kernel-index.ts';
import {
  cvesPath,
  indexPath,
  METADATA,
  metadataFile,
  patchPath,
  TARGETS,
} from '../../source/catalogue/layout.ts';
import { inMemory } from '../../source/catalogue/metadata-store.ts';
import { pinRoot } from '../../source/catalogue/pinned-root.ts';
import { openTrusted, type TrustedCatalogue } from '../../source/catalogue/trusted-catalogue.ts';
import type { TrustAnchor } from '../../types.ts';
import { listing } from './entries.ts';
import { Repository } from './repository.ts';
import { diskTree, noCatalogue } from './tree.ts';

/** What was found. */
export interface Checked {
  kernels: number;
  patches: number;
  /** For a person; none when a client would take all of it. */
  problems: string[];
}

/**
 * Verifies a whole catalogue by the client's own steps: from the root that machines have pinned to each patch file.
 * @param anchors the certificates that machines have pinned; without them the signatures in patch files are not looked at.
 * @throws LivepatchError when a client could not even begin.
 */
export async function checkCatalogue(
  directory: string,
  pinned: Uint8Array | undefined,
  anchors: readonly TrustAnchor[] | undefined,
  progress: (done: number, all: number) => void,
): Promise<Checked> {
  const tree = diskTree(directory);
  const root = pinned ?? tree.read(METADATA + metadataFile('root', 1));
  if (root === undefined) throw noCatalogue(directory);
  const base = new URL(`${pathToFileURL(directory).href}/`);
  const client = await openTrusted({
    store: pinRoot(inMemory(), root),
    host: directoryHost(new URL(METADATA, base)),
    clockSkew: LIMITS.network.clockSkew,
  });
  const repository = Repository.open(tree, new Map(), new Date());
  const checked: Checked = { kernels: 0, patches: 0, problems: [] };
  for (const { architecture, kernel } of repository.indexes(progress)) {
    await noting(checked, `kernel ${kernel}, ${architecture}`, async () => {
      const index = await readAsClient(client, base, indexPath(kernel, architecture));
      checked.kernels += 1;
      await checkFiles(index, base, anchors, checked);
    });
  }
  return checked;
}

async function readAsClient(client: TrustedCatalogue, base: URL, path: string): Promise<KernelIndex> {
  const target = await client.target(path);
  if (target === undefined) throw new Error('it is signed, and not published yet');
  return parseIndex(await fetchTarget(directoryHost(new URL(TARGETS, base)), target, undefined));
}

async function checkFiles(
  { architecture, cves, kernel, patches }: KernelIndex,
  base: URL,
  anchors: readonly TrustAnchor[] | undefined,
  checked: Checked,
): Promise<void> {
  const host = directoryHost(base);
  const read = (file: { path: string; sha256: string; size: number }) => host.stream(file, undefined);
  if (cves !== undefined) {
    await noting(checked, `CVE data of kernel ${kernel}`, () =>
      drain(read({ ...cves, path: cvesPath(cves.sha256) })),
    );
  }
  for (const patch of patches) {
    const { sha256, size, version } = patch;
    checked.patches += 1;
    await noting(checked, `patch ${version} of kernel ${kernel}, ${architecture}`, async () => {
      const file = { path: patchPath(sha256), sha256, size };
      await drain(read(file));
      if (anchors !== undefined) await checkPatch(read(file), patch, anchors);
    });
  }
}

async function checkPatch(
  bytes: AsyncIterable<Uint8Array>,
  patch: ListedPatch,
  anchors: readonly TrustAnchor[],
): Promise<void> {
  const { metadata } = provePatch(await readArchive(bytes), { anchors, allowSha256: false }, {});
  const said = listing(metadata, patch.sha256, patch.size);
  for (const field of ['version', 'digest', 'module', 'cumulative', 'releasedAt', 'fixes'] as const) {
    if (JSON.stringify(said[field]) === JSON.stringify(patch[field])) continue;
    throw new LivepatchError('metadata', `the index says another ${field} than its signed metadata`);
  }
}

async function drain(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of bytes);
}

async function noting({ problems }: Checked, what: string, check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    problems.push(`${what}: ${messageOf(error)}`);
  }
}
