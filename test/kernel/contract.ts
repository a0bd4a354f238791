import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import type { Kernel } from '../../src/kernel/kernel.ts';

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
    assert.deepEqual(kernel.livePatches(), []);
    assert.equal(kernel.isLoaded(older.name), false);
    assert.equal(kernel.buildId(older.name), undefined);
    assert.ok(!kernel.modules().includes(older.name));
    assert.deepEqual(kernel.replacedFunctions(older.name), []);
  },
  async 'holds a patch from its insertion on, settled when its transition is over'(kernel, { older }) {
    await insert(kernel, older.file);
    assert.deepEqual(
      kernel.livePatches()?.map(({ name, enabled }) => ({ name, enabled })),
      [{ name: older.name, enabled: true }],
    );
    await kernel.waitForTransition(older.name);
    assert.deepEqual(kernel.livePatches(), [{ name: older.name, enabled: true, inTransition: false }]);
    assert.equal(kernel.isLoaded(older.name), true);
    assert.ok(kernel.modules().includes(older.name));
    assert.equal(kernel.buildId(older.name), older.buildId);
    assert.deepEqual(kernel.replacedFunctions(older.name), ['version_proc_show']);
    await kernel.waitForTransition(older.name);
    await kernel.waitForIdle();
    await takeOut(kernel, older.name);
  },
  async 'refuses what is no module'(kernel, { garbage }) {
    await assert.rejects(insert(kernel, garbage), {
      code: 'kernel-refused',
      message: /Invalid module format/,
    });
    assert.deepEqual(kernel.livePatches(), []);
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
    assert.equal(kernel.isLoaded(older.name), false);
    assert.deepEqual(kernel.livePatches(), [{ name: newer.name, enabled: true, inTransition: false }]);
    await takeOut(kernel, newer.name);
  },
  async 'turns a transition back when the patch is disabled meanwhile'(kernel, { newer, older }) {
    await insert(kernel, older.file);
    await kernel.waitForTransition(older.name);
    await insert(kernel, newer.file);
    await kernel.disable(newer.name);
    assert.equal(
      kernel.livePatches()?.some(({ name }) => name === newer.name),
      false,
    );
    await kernel.remove(newer.name);
    await kernel.disable(older.name);
    await kernel.remove(older.name);
    assert.deepEqual(kernel.livePatches(), []);
  },
  async 'knows no more of a disabled patch than its module, until that is removed too'(kernel, { older }) {
    await insert(kernel, older.file);
    await kernel.waitForTransition(older.name);
    await kernel.disable(older.name);
    assert.deepEqual(kernel.livePatches(), []);
    assert.equal(kernel.isLoaded(older.name), true);
    await kernel.disable(older.name);
    await kernel.remove(older.name);
    assert.equal(kernel.isLoaded(older.name), false);
    await kernel.remove(older.name);
  },
  async 'does not let a module go that is in use'(kernel, { older }) {
    await insert(kernel, older.file);
    await kernel.waitForTransition(older.name);
    await assert.rejects(kernel.remove(older.name), { code: 'kernel-refused', message: /in use/ });
    assert.deepEqual(kernel.livePatches(), [{ name: older.name, enabled: true, inTransition: false }]);
    await takeOut(kernel, older.name);
  },
  async 'says that a patch did not stay when it is not there'(kernel, { older }) {
    await assert.rejects(kernel.waitForTransition(older.name), { code: 'transition' });
  },
  async 'tells what it said since its log was opened, and each line once'(kernel, { older }) {
    using log = await kernel.openLog();
    assert.deepEqual(log.read(), []);
    await insert(kernel, older.file);
    await kernel.waitForTransition(older.name);
    assert.ok(log.read()?.includes(`livepatch: enabling patch '${older.name}'`));
    assert.deepEqual(log.read(), []);
    await takeOut(kernel, older.name);
  },
};

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
