import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { temporaryDirectory } from '../temporary.ts';

/** A root directory that looks as /proc and /sys do where a test needs them. */
export interface Tree {
  root: string;
  /** Writes a file; with `program`, one that the shell runs. */
  write(path: string, content: string, options?: { program: boolean }): void;
  remove(path: string): void;
  livePatch(name: string, state: { enabled: boolean; inTransition: boolean }): void;
  task(pid: number, task: { state: -1 | 0 | 1; name?: string; stack?: string }): void;
}

export function makeTree(): Tree {
  const root = temporaryDirectory();
  const tree: Tree = {
    root,
    write(path, content, options) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
      if (options?.program) chmodSync(join(root, path), 0o755);
    },
    remove: (path) => rmSync(join(root, path), { recursive: true }),
    livePatch(name, { enabled, inTransition }) {
      tree.write(`sys/kernel/livepatch/${name}/enabled`, `${Number(enabled)}\n`);
      tree.write(`sys/kernel/livepatch/${name}/transition`, `${Number(inTransition)}\n`);
    },
    task(pid, { name = 'cat', stack, state }) {
      const directory = `proc/${pid}/task/${pid}`;
      tree.write(`${directory}/patch_state`, `${state}\n`);
      tree.write(`${directory}/comm`, `${name}\n`);
      if (stack !== undefined) tree.write(`${directory}/stack`, stack);
    },
  };
  mkdirSync(join(root, 'proc'));
  return tree;
}
