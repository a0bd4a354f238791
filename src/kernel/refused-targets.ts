import { readLog } from './log.ts';

/** A module that was not loaded because a live patch could not be applied to it. */
export interface RefusedTarget {
  patch: string;
  module: string;
}

/** kernel/livepatch/core.c, klp_module_coming; the same since 4.0. Both names are modules', none is a user's. */
const REFUSED =
  /^livepatch: patch '([\w-]{1,64})' failed for module '([\w-]{1,64})', refusing to load module '\2'$/;

/** The modules that were refused since the machine started, as far as its log still tells; none when it may not be read. */
export function refusedTargets(root: string): RefusedTarget[] {
  const found = new Map<string, RefusedTarget>();
  for (const { facility, text } of readLog(root) ?? []) {
    const [, patch, module] = facility === 0 ? (REFUSED.exec(text) ?? []) : [];
    if (patch !== undefined && module !== undefined) found.set(`${patch} ${module}`, { patch, module });
  }
  return [...found.values()];
}
