import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { printable } from '../text.ts';
import { textOf } from './read.ts';

/** A task that holds a transition up. */
export interface Blocker {
  pid: number;
  /** Any user's choice; made plain. */
  name: string;
  /** The innermost functions of its kernel stack, outermost last; empty when it may not be read. */
  stack: string[];
}

/** Enough to see where a task sits, and how many there are. */
const MOST_TASKS = 5;
const MOST_FRAMES = 4;
/** TASK_COMM_LEN is 16; a kernel thread's full name may be longer. */
const NAME_LENGTH = 64;

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
      const state = textOf(join(directory, 'patch_state'));
      if (state === undefined || state === '-1' || state === String(target)) continue;
      blockers.push({
        pid: Number(task),
        name: printable(textOf(join(directory, 'comm')) ?? '?', NAME_LENGTH),
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

/** `[<0>] sleeper_nap+0x1c/0x40 [sleeper]`: the kernel's own words, and only as far as they are names of functions. */
function stackOf(directory: string): string[] {
  const lines = textOf(join(directory, 'stack'))?.split('\n') ?? [];
  return lines
    .flatMap((line) => /^\[<[0-9a-f]+>\] ([A-Za-z_][\w.]{0,127})(?:\+0x|$)/.exec(line)?.[1] ?? [])
    .slice(0, MOST_FRAMES);
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
