import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  disableLivePatch,
  listLivePatches,
  livePatching,
  replacedFunctions,
  waitForIdle,
  waitForTransition,
} from '../../src/kernel/livepatches.ts';
import { LIMITS } from '../../src/limits.ts';
import { makeTree, type Tree } from './tree.ts';

const NAME = 'lkp_x_121';
const APPLIED = { enabled: true, inTransition: false };
const APPLYING = { enabled: true, inTransition: true };
const UNPATCHING = { enabled: false, inTransition: true };

/** Time goes by only when a test says so; waits are long. */
async function wait<Result>(waiting: Promise<Result>, milliseconds: number): Promise<Result> {
  // Rejections are looked at below, not before.
  waiting.catch(() => {});
  await vi.advanceTimersByTimeAsync(milliseconds);
  return waiting;
}

describe('live patches in sysfs', () => {
  let tree: Tree;
  beforeEach(() => {
    tree = makeTree();
  });

  it('are none, and no list, without CONFIG_LIVEPATCH', () => {
    expect(livePatching(tree.root)).toBe('not-mounted');
    expect(listLivePatches(tree.root)).toBeUndefined();
    tree.write('sys/kernel/fscaps', '1\n');
    expect(livePatching(tree.root)).toBe('not-built-in');
    expect(listLivePatches(tree.root)).toBeUndefined();
    tree.write('sys/kernel/livepatch/.keep', '');
    expect(livePatching(tree.root)).toBe('available');
    expect(listLivePatches(tree.root)).toEqual([]);
  });

  it('tell whether they are cumulative, where the kernel does', () => {
    tree.livePatch(NAME, APPLIED);
    tree.write(`sys/kernel/livepatch/${NAME}/replace`, '1\n');
    tree.livePatch('stacked', APPLIED);
    tree.write('sys/kernel/livepatch/stacked/replace', '0\n');
    tree.livePatch('unknown', APPLIED);
    expect(listLivePatches(tree.root)).toEqual(
      expect.arrayContaining([
        { name: NAME, ...APPLIED, cumulative: true },
        { name: 'stacked', ...APPLIED, cumulative: false },
        { name: 'unknown', ...APPLIED },
      ]),
    );
  });

  it('are listed with their state, but not one that is on its way out', () => {
    tree.livePatch(NAME, APPLYING);
    tree.livePatch('kpatch_x', APPLIED);
    tree.write('sys/kernel/livepatch/vanishing/enabled', '0\n');
    expect(listLivePatches(tree.root)).toEqual([
      { name: 'kpatch_x', ...APPLIED },
      { name: NAME, ...APPLYING },
    ]);
  });

  it('name the functions they replace, of every object', () => {
    tree.write(`sys/kernel/livepatch/${NAME}/vmlinux/version_proc_show,1/.keep`, '');
    tree.write(`sys/kernel/livepatch/${NAME}/vmlinux/patched`, '1\n');
    tree.write(`sys/kernel/livepatch/${NAME}/ext4/ext4_find_extent,1/.keep`, '');
    expect(replacedFunctions(tree.root, NAME)).toEqual(
      expect.arrayContaining([
        { object: 'ext4', name: 'ext4_find_extent' },
        { object: 'vmlinux', name: 'version_proc_show' },
      ]),
    );
    expect(replacedFunctions(tree.root, 'other')).toEqual([]);
  });
});

describe('a transition', () => {
  let tree: Tree;
  beforeEach(() => {
    vi.useFakeTimers();
    tree = makeTree();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is waited for', async () => {
    tree.livePatch(NAME, APPLYING);
    const waiting = waitForTransition(tree.root, NAME);
    await vi.advanceTimersByTimeAsync(60_000);
    tree.livePatch(NAME, APPLIED);
    await wait(waiting, LIMITS.kernel.pollLongest);
  });

  it('that stalls is told with the tasks that hold it up, and no others', async () => {
    tree.livePatch(NAME, APPLYING);
    const stack =
      '[<0>] msleep+0x29/0x30\n[<0>] sleeper_nap+0x1c/0x40 [sleeper]\n[<0>] vfs_read+0xab/0x2e0\n';
    tree.task(123, { state: 0, name: 'cat', stack });
    tree.task(124, { state: 1, name: 'through' });
    tree.task(125, { state: -1, name: 'aside' });
    await expect(
      wait(waitForTransition(tree.root, NAME), LIMITS.kernel.transitionTime + 2000),
    ).rejects.toMatchObject({
      code: 'transition',
      message: `the transition to ${NAME} did not finish within 75 s: held up by cat, process 123, in msleep < sleeper_nap < vfs_read`,
    });
  });

  it('that the kernel turned back is no success', async () => {
    tree.livePatch(NAME, APPLYING);
    const waiting = waitForTransition(tree.root, NAME);
    tree.remove(`sys/kernel/livepatch/${NAME}`);
    await expect(wait(waiting, 2000)).rejects.toMatchObject({
      code: 'transition',
      hint: expect.stringContaining('dmesg'),
    });
  });

  it('of another patch is waited for, and not for ever', async () => {
    tree.livePatch('kpatch_x', UNPATCHING);
    await expect(wait(waitForIdle(tree.root), LIMITS.kernel.transitionTime + 2000)).rejects.toMatchObject({
      code: 'transition',
    });
    const waiting = waitForIdle(tree.root);
    tree.remove('sys/kernel/livepatch/kpatch_x');
    await wait(waiting, 2000);
  });

  it('back ends when the directory is gone, not before', async () => {
    tree.livePatch(NAME, APPLIED);
    const waiting = disableLivePatch(tree.root, NAME);
    expect(readFileSync(join(tree.root, 'sys/kernel/livepatch', NAME, 'enabled'), 'utf8')).toBe('0');
    tree.livePatch(NAME, { enabled: false, inTransition: false });
    const over = vi.fn();
    void waiting.then(over);
    await vi.advanceTimersByTimeAsync(5000);
    expect(over).not.toHaveBeenCalled();
    tree.remove(`sys/kernel/livepatch/${NAME}`);
    await wait(waiting, 2000);
  });

  it('back that stalls names the tasks that are still in the patched code', async () => {
    tree.livePatch(NAME, APPLIED);
    tree.task(7, { state: 1, name: 'kworker' });
    tree.task(8, { state: 0 });
    await expect(
      wait(disableLivePatch(tree.root, NAME), LIMITS.kernel.transitionTime + 2000),
    ).rejects.toMatchObject({
      code: 'transition',
      message: `${NAME} was not out of use within 75 s: held up by kworker, process 7`,
    });
  });
});
