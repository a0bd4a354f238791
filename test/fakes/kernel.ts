import { readFileSync } from 'node:fs';
import { LivepatchError } from '../../src/errors.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { type ModuleFile, readModule } from '../../src/patch/module.ts';
import { splitSignedModule } from '../../src/patch/trailer.ts';
import type { LivePatch, Machine, Mode } from '../../src/types.ts';

/** What a fake kernel can be told to do, and what it did. */
export interface FakeKernel extends Kernel {
  /** Every call that would have changed a real kernel, in order: `insert lkp_x`, `disable lkp_x`, `remove lkp_x`. */
  readonly deeds: string[];
  /** The next transition never ends by itself. */
  stallNextTransition(): void;
  /** The next insert is refused with kmod's text. */
  refuseNextInsert(reason: string): void;
  /** The next remove is refused: something still uses the module. */
  refuseNextRemove(): void;
  /** Takes back what was asked of the next transition, insert and remove. */
  calm(): void;
  /** Sets the kill switch. */
  setMode(next: Mode): void;
  /** The kernel prints something. */
  say(...lines: string[]): void;
  /** Puts somebody else's live patch into the kernel. */
  hold(name: string): void;
  /** Boots again, some seconds ago; into another kernel when one is named. */
  reboot(uptimeSeconds?: number, release?: string): void;
  /** Time passes without a reboot. */
  stayUp(uptimeSeconds: number): void;
}

/** All that a fake kernel is; plain data, so that a test may keep it in a file that outlives a killed process. */
export interface FakeState {
  machine: Machine;
  patches: LivePatch[];
  loaded: string[];
  /** By the names of loaded modules. */
  buildIds: Record<string, string | undefined>;
  said: string[];
  mode: Mode;
  stall: boolean;
  refusal: string | undefined;
  inUse: boolean;
}

export const MACHINE: Machine = {
  id: '0123456789abcdef0123456789abcdef',
  architecture: 'amd64',
  cpuModel: 'Fake CPU',
  release: '6.1.0-56-amd64',
  kernel: '6.1.0-56-amd64',
  bootId: 'boot-1',
  bootTime: '2026-11-22T06:00:00.000Z',
  uptimeSeconds: 3600,
};

/** A machine that has just booted, with nothing loaded. */
export const freshState = (): FakeState => ({
  machine: MACHINE,
  patches: [],
  loaded: [],
  buildIds: {},
  said: [],
  mode: { contact: true, apply: true, sources: [] },
  stall: false,
  refusal: undefined,
  inUse: false,
});

/**
 * A kernel of the mind: cumulative patches whose transitions end when somebody waits for it, unless told otherwise.
 * @param changed is called after every change of the state, which it may write down.
 */
export function fakeKernel(state: FakeState = freshState(), changed: () => void = () => {}): FakeKernel {
  const deeds: string[] = [];
  const find = (name: string) => state.patches.find((patch) => patch.name === name);
  const drop = (name: string) => {
    state.patches = state.patches.filter((patch) => patch.name !== name);
  };
  function finish(patch: LivePatch): void {
    patch.inTransition = false;
    if (patch.enabled) state.patches = [patch];
    else drop(patch.name);
    state.said.push(`livepatch: '${patch.name}': ${patch.enabled ? 'patching' : 'unpatching'} complete`);
  }
  /** Notes what is being done; what is done is written down even when it fails. */
  async function deed(what: string, act: () => void): Promise<void> {
    deeds.push(what);
    try {
      act();
    } finally {
      changed();
    }
  }

  return {
    deeds,
    requirePlugs: async () => {},
    machine: () => state.machine,
    mode: () => state.mode,
    security: () => ({ lockdown: 'none', secureBoot: false, modulesDisabled: false, tainted: 0 }),
    host: async () => ({ isRoot: true, missingPlugs: undefined, timer: true }),
    installed: () => [state.machine.release],
    replacedFunctions: (name) => (find(name) === undefined ? [] : ['version_proc_show']),
    async openLog() {
      let at = state.said.length;
      let closed = false;
      return {
        read() {
          // The real one has no descriptor any more, and hears nothing.
          if (closed) throw new Error('the log is closed');
          const lines = state.said.slice(at);
          at += lines.length;
          return lines;
        },
        [Symbol.dispose]() {
          closed = true;
        },
      };
    },
    livePatches: () => state.patches.map((patch) => ({ ...patch })),
    isLoaded: (name) => state.loaded.includes(name),
    modules: () => [...state.loaded],
    buildId: (name) => (state.loaded.includes(name) ? state.buildIds[name] : undefined),
    async insert(fd) {
      const { buildId, name } = read(readFileSync(fd));
      await deed(`insert ${name}`, () => {
        const refusal =
          state.refusal ??
          (state.loaded.includes(name) ? 'File exists' : undefined) ??
          (state.patches.some(({ inTransition }) => inTransition) ? 'Device or resource busy' : undefined);
        state.refusal = undefined;
        if (refusal !== undefined) throw refused('insert', refusal);
        state.loaded.push(name);
        state.buildIds[name] = buildId;
        state.patches.push({ name, enabled: true, inTransition: true });
        state.said.push(`livepatch: enabling patch '${name}'`);
      });
    },
    async waitForTransition(name) {
      const patch = find(name);
      if (state.stall) {
        state.stall = false;
        throw new LivepatchError('transition', `the transition to ${name} did not finish`);
      }
      if (patch?.inTransition) finish(patch);
      changed();
      if (!find(name)?.enabled)
        throw new LivepatchError('transition', `the kernel did not keep ${name} enabled`);
    },
    async waitForIdle() {
      for (const patch of state.patches) if (patch.inTransition) finish(patch);
      changed();
    },
    async disable(name) {
      await deed(`disable ${name}`, () => {
        const patch = find(name);
        if (patch === undefined) return;
        patch.enabled = false;
        finish(patch);
      });
    },
    async remove(name) {
      if (!state.loaded.includes(name)) return;
      await deed(`remove ${name}`, () => {
        const inUse = state.inUse || find(name) !== undefined;
        state.inUse = false;
        if (inUse) throw refused('unload', `${name} is still in use`);
        state.loaded = state.loaded.filter((other) => other !== name);
      });
    },
    stallNextTransition() {
      state.stall = true;
    },
    refuseNextInsert(reason) {
      state.refusal = reason;
    },
    refuseNextRemove() {
      state.inUse = true;
    },
    calm() {
      Object.assign(state, { stall: false, refusal: undefined, inUse: false });
    },
    setMode(next) {
      state.mode = next;
    },
    say(...lines) {
      state.said.push(...lines);
    },
    hold(name) {
      state.patches.push({ name, enabled: true, inTransition: false });
      state.loaded.push(name);
    },
    reboot(uptimeSeconds = 10, release = state.machine.release) {
      const { machine, mode } = state;
      const bootId = `boot-${Number(machine.bootId.slice(5)) + 1}`;
      Object.assign(state, freshState(), {
        mode,
        machine: { ...machine, bootId, uptimeSeconds, release, kernel: release },
      });
      changed();
    },
    stayUp(uptimeSeconds) {
      state.machine = { ...state.machine, uptimeSeconds };
    },
  };
}

function read(module: Uint8Array): ModuleFile {
  try {
    return readModule(splitSignedModule(module).content);
  } catch {
    throw refused('insert', 'Invalid module format');
  }
}

function refused(what: string, reason: string): LivepatchError {
  return new LivepatchError('kernel-refused', `the kernel refuses to ${what} the module: ${reason}`);
}
