import {
  cvesPath,
  METADATA,
  metadataFile,
  patchPath,
  storedPath,
  TARGETS,
} from '../../source/catalogue/layout.ts';
import type { RoleName } from './keys.ts';
import type { Repository } from './repository.ts';
import { roleOf } from './signing.ts';

const DAY = 24 * 60 * 60 * 1000;

/**
 * Has signed anew whatever has less than half its time left, as far as the keys at hand go.
 * @returns the roles that need keys which are elsewhere.
 */
export function renewDue(repository: Repository): RoleName[] {
  const missing = new Set<RoleName>();
  for (const name of repository.due()) {
    const role = roleOf(name);
    if (repository.lacks(role)) missing.add(role);
    else repository.touch(name);
  }
  return [...missing];
}

/**
 * Removes files that no reader is shown any more, when they have been there long enough: somebody may be downloading
 * them, and mirrors lag behind. Every root stays, because machines that were asleep follow them one by one.
 * @returns how many.
 */
export function prune(repository: Repository, graceDays: number, now: Date): number {
  const { tree } = repository;
  const needed = neededFiles(repository);
  const old = ['metadata', 'targets', 'patches', 'cves']
    .flatMap((directory) => tree.list(directory))
    .filter(({ changed, path }) => !needed.has(path) && now.getTime() - changed.getTime() > graceDays * DAY);
  for (const { path } of old) tree.remove(path);
  return old.length;
}

function neededFiles(repository: Repository): Set<string> {
  const needed = new Set([METADATA + metadataFile('timestamp', undefined)]);
  for (const [role, version] of repository.currentVersions())
    needed.add(METADATA + metadataFile(role, version));
  for (const { path } of repository.tree.list('metadata')) if (path.endsWith('.root.json')) needed.add(path);
  for (const target of repository.indexTargets()) {
    needed.add(TARGETS + storedPath(target.path, target.hashes.sha256 ?? ''));
  }
  for (const { cves, patches } of repository.indexes()) {
    if (cves !== undefined) needed.add(cvesPath(cves.sha256));
    for (const { sha256 } of patches) needed.add(patchPath(sha256));
  }
  return needed;
}
