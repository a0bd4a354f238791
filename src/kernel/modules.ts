import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadedModule } from '../types.ts';
import { numberOf, readStart, textOf } from './read.ts';

/** The names of all modules that carry the kernel's mark of a live patch (TAINT_LIVEPATCH, K). */
export function livePatchModules(root: string): string[] {
  const directory = join(root, 'sys/module');
  const names = existsSync(directory) ? readdirSync(directory) : [];
  return names.filter((name) => {
    const taint = join(directory, name, 'taint');
    // What is built in, most of them, has no such file: to ask is cheaper than to have an error made of it.
    return existsSync(taint) && textOf(taint)?.includes('K');
  });
}

/** Those of these names that modules carry. */
export function loadedModules(root: string, names: Iterable<string>): LoadedModule[] {
  return [...new Set(names)].flatMap((name) => {
    // A name comes from what was stored or fetched; it must stay one step below /sys/module.
    if (name === '' || name.startsWith('.') || name.includes('/')) return [];
    if (moduleRefcount(root, name) === undefined) return [];
    const buildId = moduleBuildId(root, name);
    return buildId === undefined ? { name } : { name, buildId };
  });
}

/** The section as the module's file had it (kernel/module/sysfs.c, add_notes_attrs). */
export function moduleBuildId(root: string, name: string): string | undefined {
  try {
    return readStart(join(root, 'sys/module', name, 'notes/.note.gnu.build-id')).toString('hex');
  } catch {
    return undefined;
  }
}

/** @returns undefined when no such module is loaded. */
export function moduleRefcount(root: string, name: string): number | undefined {
  return numberOf(join(root, 'sys/module', name, 'refcnt'));
}
