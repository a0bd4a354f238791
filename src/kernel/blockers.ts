import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A task that holds a transition up. */
export interface Blocker {
  pid: number;
  name: string;
  /** The innermost functions of its kernel stack, outermost last; empty when it may not be read. */
  stack: string[];
}

/** Enough to see where a task sits, and how many there are. */
const MOST_TASKS = 5;
const MOST_FRAMES = 4;

/**
 * The tasks that have not reached the state the transition goes to (Documentation/livepatch/livepatch.rst,
 * `/proc/<pid>/patch_state`): -1 none, 0 unpatched, 1 patched.
 * @param target 1 while patching, 0 while unpatching.
 */
export function findBlockers(root: string, target: 0 | 1): Blocker[] {
  const proc = join(root, 'proc');
  const blockers: Blocker[] = [];
  for (const pid of list(proc).filter((name) => /^\d+$/.test(name))) {
    for (const task of list(join(proc, pid, 'task'))) {
      const directory = join(proc, pid, 'task', task);
      const state = read(join(directory, 'patch_state'));
      if (state === undefined || state === '-1' || state === String(target)) continue;
      blockers.push({
        pid: Number(task),
        name: read(join(directory, 'comm')) ?? '?',
        stack: stackOf(directory),
      });
      if (blockers.length === MOST_TASKS) return blockers;
    }
  }
  return blockers;
}

/** `cat, process 123, in do_sys_poll`: what a person can act on. */
export function describeBlockers(blockers: readonly Blocker[]): string {
  return blockers
    .map(
      ({ pid, name, stack }) =>
        `${name}, process ${pid}${stack.length === 0 ? '' : `, in ${stack.join(' < ')}`}`,
    )
    .join('; ');
}

function stackOf(directory: string): string[] {
  const lines = read(join(directory, 'stack'))?.split('\n') ?? [];
  return lines.slice(0, MOST_FRAMES).map((line) => line.replace(/^\[<.*?>\] /, '').replace(/\+0x.*$/, ''));
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}
