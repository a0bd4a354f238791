import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import type { Kernel } from '../../src/kernel/kernel.ts';
import type { LivePatch, LoadedModule } from '../../src/types.ts';

interface GivenModule {
  name: string;
  file: string;
  /** The content of its .note.gnu.build-id, hex. */
  buildId: string | undefined;
}

/** Two cumulative patches of version_proc_show(), signed modules, and something that is no module. */
interface Given {
  older: GivenModule;
  newer: GivenModule;
  garbage: string;
}

type Check = (kernel: Kernel, given: Given) => Promise<void>;

/**
 * What operations rely on of a kernel. The fake passes these in a unit test, the real one in a virtual machine: only so
 * does what is proven with the fake say anything. Each begins with a kernel that holds no patch, and leaves none.
 */
export const CONTRACT: Record<string, Check> = {
  async 'says the same of the machine twice'(kernel) {
    const [one, other] = [kernel.machine(), kernel.machine()];
    assert.match(one.id, /^[0-9a-f]{32}$/);
    assert.equal(one.bootId, other.bootId);
    assert.notEqual(one.bootId, '');
    assert.ok(other.uptimeSeconds >= one.uptimeSeconds);
  },
  async 'holds nothing to begin with'(kernel, { older }) {
    assert.deepEqual(kernel.look([older.name]), { livePatches: [], loaded: [] });
    assert.ok(!kernel.modules().includes(older.name));
    assert.deepEqual(kernel.refusedTargets(), []);
  },
  async 'takes no name for a path'(kernel) {
    assert.deepEqual(kernel.look(['', '.', '..', '../../proc/self', 'no_such_module']).loaded, []);
  },
  async 'holds a patch from its insertion on, settled when its transition is over'(kernel, { older }) {
    await insert(kernel, older.file);
    assert.deepEqual(
      patches(kernel).map(({ name, enabled }) => ({ name, enabled })),
      [{ name: older.name, enabled: true }],
    );
    await kernel.waitForTransition(older.name);
    assert.deepEqual(patches(kernel), [applied(older)]);
    // Its own name need not be asked for.
    assert.deepEqual(kernel.look([]).loaded, [loaded(older)]);
    assert.deepEqual(kernel.look([older.name, older.name]).loaded, [loaded(older)]);
    assert.ok(kernel.modules().includes(older.name));
    await kernel.waitForTransition(older.name);
    await kernel.waitForIdle();
    await takeOut(kernel, older.name);
  },
  async 'refuses what is no module'(kernel, { garbage }) {
    await assert.rejects(insert(kernel, garbage), {
      code: 'kernel-refused',
      message: /Invalid module format/,
    });
    assert.deepEqual(patches(kernel), []);
  },
  async 'refuses a module of a name that is loaded, patching or not'(kernel, { older }) {
    await insert(kernel, older.file);
    await kernel.waitForTransition(older.name);
    await assert.rejects(insert(kernel, older.file), { code: 'kernel-refused', message: /File exists/ });
    await kernel.disable(older.name);
    await assert.rejects(insert(kernel, older.file), { code: 'kernel-refused', message: /File exists/ });
    await kernel.remove(older.name);
  },
  async 'lets a newer patch take the place of an older, whose module stays until it is removed'(
    kernel,
    given,
  ) {
    const { newer, older } = given;
    await insert(kernel, older.file);
    await kernel.waitForTransition(older.name);
    await insert(kernel, newer.file);
    await kernel.waitForTransition(newer.name);
    await kernel.remove(older.name);
    assert.deepEqual(kernel.look([older.name]).loaded, [loaded(newer)]);
    assert.deepEqual(patches(kernel), [applied(newer)]);
    await takeOut(kernel, newer.name);
  },
  async 'turns a transition back when the patch is disabled meanwhile'(kernel, { newer, older }) {
    await insert(kernel, older.file);
    await kernel.waitForTransition(older.name);
    await insert(kernel, newer.file);
    await kernel.disable(newer.name);
    assert.ok(!patches(kernel).some(({ name }) => name === newer.name));
    await kernel.remove(newer.name);
    await kernel.disable(older.name);
    await kernel.remove(older.name);
    assert.deepEqual(patches(kernel), []);
  },
  async 'knows no more of a disabled patch than its module, until that is removed too'(kernel, { older }) {
    await insert(kernel, older.file);
    await kernel.waitForTransition(older.name);
    await kernel.disable(older.name);
    assert.deepEqual(kernel.look([older.name]), { livePatches: [], loaded: [loaded(older)] });
    assert.deepEqual(kernel.look([]).loaded, []);
    await kernel.disable(older.name);
    await kernel.remove(older.name);
    assert.deepEqual(kernel.look([older.name]).loaded, []);
    await kernel.remove(older.name);
  },
  async 'does not let a module go that is in use'(kernel, { older }) {
    await insert(kernel, older.file);
    await kernel.waitForTransition(older.name);
    await assert.rejects(kernel.remove(older.name), { code: 'kernel-refused', message: /in use/ });
    assert.deepEqual(patches(kernel), [applied(older)]);
    await takeOut(kernel, older.name);
  },
  async 'says that a patch did not stay when it is not there'(kernel, { older }) {
    await assert.rejects(kernel.waitForTransition(older.name), { code: 'transition' });
  },
  async 'hears of no fault of a patch that has none'(kernel, { older }) {
    using watch = await kernel.watchFaults();
    assert.equal(watch.faultOf(older.name), undefined);
    await insert(kernel, older.file);
    await kernel.waitForTransition(older.name);
    assert.equal(watch.faultOf(older.name), undefined);
    await takeOut(kernel, older.name);
    assert.equal(watch.faultOf(older.name), undefined);
  },
};

/** Not every kernel tells whether a patch is cumulative; one that does has to tell of these that they are. */
const patches = (kernel: Kernel): LivePatch[] =>
  (kernel.look([]).livePatches ?? []).map((patch) => ({ cumulative: true, ...patch }));

function loaded({ buildId, name }: GivenModule): LoadedModule {
  return buildId === undefined ? { name } : { name, buildId };
}

function applied({ name }: GivenModule): LivePatch {
  return { name, enabled: true, inTransition: false, cumulative: true };
}

interface GivenStack extends Given {
  /** Not cumulative, of a function of its own, and linked without a build id. */
  stacked: GivenModule;
}

/** What they rely on of patches that are stacked, and of modules without a build id. */
export const STACK_CONTRACT: Record<string, (kernel: Kernel, given: GivenStack) => Promise<void>> = {
  async 'keeps the patches below one that is not cumulative'(kernel, { older, stacked }) {
    await apply(kernel, older);
    await apply(kernel, stacked);
    assert.deepEqual(names(kernel), [older.name, stacked.name].sort());
    await takeOut(kernel, stacked.name);
    assert.deepEqual(names(kernel), [older.name]);
    await takeOut(kernel, older.name);
  },
  async 'takes out a patch that others are stacked on'(kernel, { older, stacked }) {
    await apply(kernel, older);
    await apply(kernel, stacked);
    await takeOut(kernel, older.name);
    assert.deepEqual(names(kernel), [stacked.name]);
    await takeOut(kernel, stacked.name);
  },
  async 'puts a cumulative patch in the place of all others'(kernel, { newer, older, stacked }) {
    await apply(kernel, older);
    await apply(kernel, stacked);
    await apply(kernel, newer);
    await kernel.remove(older.name);
    await kernel.remove(stacked.name);
    assert.deepEqual(kernel.look([older.name, stacked.name]).loaded, [loaded(newer)]);
    assert.deepEqual(names(kernel), [newer.name]);
    await takeOut(kernel, newer.name);
  },
  async 'shows a module without a build id by its name alone'(kernel, { stacked }) {
    await apply(kernel, stacked);
    assert.deepEqual(kernel.look([]).loaded, [{ name: stacked.name }]);
    await takeOut(kernel, stacked.name);
  },
};

const names = (kernel: Kernel): string[] =>
  patches(kernel)
    .map(({ name }) => name)
    .sort();

async function apply(kernel: Kernel, { file, name }: GivenModule): Promise<void> {
  await insert(kernel, file);
  await kernel.waitForTransition(name);
}

async function insert(kernel: Kernel, file: string): Promise<void> {
  const fd = openSync(file, 'r');
  try {
    await kernel.insert(fd);
  } finally {
    closeSync(fd);
  }
}

async function takeOut(kernel: Kernel, name: string): Promise<void> {
  await kernel.disable(name);
  await kernel.remove(name);
}
