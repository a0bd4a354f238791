import { readFileSync } from 'node:fs';
import { LivepatchError } from '../../src/errors.ts';
import { findFault } from '../../src/kernel/faults.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import type { LogRecord } from '../../src/kernel/log.ts';
import type { RefusedTarget } from '../../src/kernel/refused-targets.ts';
import type { KernelSecurity } from '../../src/kernel/security.ts';
import { type ModuleFile, readModule } from '../../src/patch/module.ts';
import { splitSignedModule } from '../../src/patch/trailer.ts';
import type { LivePatch, Machine, Mode } from '../../src/types.ts';

/** What a fake kernel can be told to do, and what it did. */
export interface FakeKernel extends Kernel {
  /** Every call that would have changed a real kernel, in order: `insert lkp_x`, `disable lkp_x`, `remove lkp_x`. */
  readonly deeds: string[];
  /** The next transition never ends by itself. */
  stallNextTransition(): void;
  /** The next disable does not end: a task stays in the patched code. */
  stallNextDisable(): void;
  /** The next insert is refused with kmod's text. */
  refuseNextInsert(reason: string): void;
  /** The next disable is refused. */
  refuseNextDisable(): void;
  /** The next remove is refused: something still uses the module. */
  refuseNextRemove(): void;
  /** Takes back what was asked of the next transition, insert, disable and remove. */
  calm(): void;
  /** Sets the kill switch. */
  setMode(next: Mode): void;
  /** Changes what the kernel says of its security. */
  setSecurity(changes: Partial<KernelSecurity>): void;
  /** From now on, modules of which this is true are not cumulative. */
  stacks(isStacked: (name: string) => boolean): void;
  /** From now on the kernel says of each live patch whether it is cumulative, as since 6.11. */
  tellCumulative(): void;
  /** The kernel does not load a module, because this live patch could not be applied to it. */
  refuseTarget(target: RefusedTarget): void;
  /** The kernel prints something of its own, as a warning. */
  say(...lines: string[]): void;
  /** A process writes to the kernel's log, as root may. */
  forge(...lines: string[]): void;
  /** The kernel reports a fault of its own in this module. */
  fault(module: string): void;
  /** Puts somebody else's live patch into the kernel. */
  hold(name: string, options?: { buildId?: string; cumulative?: boolean }): void;
  /** Boots again, some seconds ago; into another kernel when one is named. */
  reboot(uptimeSeconds?: number, release?: string): void;
  /** Time passes without a reboot. */
  stayUp(uptimeSeconds: number): void;
}

/** All that a fake kernel is; plain data, so that a test may keep it in a file that outlives a killed process. */
export interface FakeState {
  machine: Machine;
  patches: (LivePatch & { cumulative: boolean })[];
  loaded: string[];
  /** By the names of loaded modules; absent where a module has none. */
  buildIds: Record<string, string | undefined>;
  said: LogRecord[];
  refusedTargets: RefusedTarget[];
  mode: Mode;
  security: KernelSecurity;
  tellsCumulative: boolean;
  stall: boolean;
  stallDisable: boolean;
  refusal: string | undefined;
  refuseDisable: boolean;
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

const SECURITY: KernelSecurity = {
  lockdown: 'none',
  secureBoot: false,
  modulesDisabled: false,
  tainted: 0,
  sigEnforce: false,
  ftraceEnabled: true,
  probed: [],
  capSysModule: true,
  digestAvailable: true,
  livePatching: 'available',
};

/** What was asked of the next calls. */
const CALM = { stall: false, stallDisable: false, refusal: undefined, refuseDisable: false, inUse: false };

/** A machine that has just booted, with nothing loaded. */
export const freshState = (): FakeState => ({
  machine: MACHINE,
  patches: [],
  loaded: [],
  buildIds: {},
  said: [],
  refusedTargets: [],
  mode: { contact: true, apply: true, sources: [] },
  security: SECURITY,
  tellsCumulative: false,
  ...CALM,
});

/**
 * A kernel of the mind, whose transitions end when somebody waits for it, unless told otherwise.
 * @param changed is called after every change of the state, which it may write down.
 * @param isStacked tells the patches that are not cumulative.
 */
export function fakeKernel(
  state: FakeState = freshState(),
  changed: () => void = () => {},
  isStacked: (name: string) => boolean = () => false,
): FakeKernel {
  const deeds: string[] = [];
  const find = (name: string) => state.patches.find((patch) => patch.name === name);
  const drop = (name: string) => {
    state.patches = state.patches.filter((patch) => patch.name !== name);
  };
  const print = (facility: number, level: number, lines: readonly string[]) => {
    state.said.push(
      ...lines.map((text) => ({ facility, level, seconds: state.machine.uptimeSeconds, text })),
    );
  };
  function finish(patch: FakeState['patches'][number]): void {
    patch.inTransition = false;
    if (!patch.enabled) drop(patch.name);
    else if (patch.cumulative) state.patches = [patch];
    print(0, 5, [`livepatch: '${patch.name}': ${patch.enabled ? 'patching' : 'unpatching'} complete`]);
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
    security: () => state.security,
    host: async () => ({ isRoot: true, missingPlugs: undefined, timer: true }),
    installed: () => [state.machine.release],
    look(names) {
      const livePatches = state.patches.map(({ cumulative, ...patch }) =>
        state.tellsCumulative ? { ...patch, cumulative } : patch,
      );
      const asked = new Set([...livePatches.map(({ name }) => name), ...names]);
      const loaded = [...asked].filter((name) => state.loaded.includes(name));
      return {
        livePatches,
        loaded: loaded.map((name) => {
          const buildId = state.buildIds[name];
          return buildId === undefined ? { name } : { name, buildId };
        }),
      };
    },
    modules: () => [...state.loaded],
    refusedTargets: () => [...state.refusedTargets],
    async watchFaults() {
      const from = state.said.length;
      let closed = false;
      return {
        faultOf(module) {
          // The real one has no descriptor any more, and hears nothing.
          if (closed) throw new Error('the watch is over');
          const buildId = state.buildIds[module];
          const functions =
            find(module) === undefined ? [] : [{ object: 'vmlinux', name: 'version_proc_show' }];
          return findFault(state.said.slice(from), { module, buildId, functions });
        },
        [Symbol.dispose]() {
          closed = true;
        },
      };
    },
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
        if (buildId === undefined) delete state.buildIds[name];
        else state.buildIds[name] = buildId;
        state.patches.push({ name, enabled: true, inTransition: true, cumulative: !isStacked(name) });
        print(0, 5, [`livepatch: enabling patch '${name}'`]);
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
        const { refuseDisable, stallDisable } = state;
        Object.assign(state, { refuseDisable: false, stallDisable: false });
        if (patch === undefined) return;
        if (refuseDisable) {
          throw new LivepatchError('kernel-refused', `the kernel refuses to disable ${name}: EBUSY`);
        }
        patch.enabled = false;
        patch.inTransition = true;
        if (stallDisable) throw new LivepatchError('transition', `${name} was not out of use within 75 s`);
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
        delete state.buildIds[name];
      });
    },
    stallNextTransition() {
      state.stall = true;
    },
    stallNextDisable() {
      state.stallDisable = true;
    },
    refuseNextInsert(reason) {
      state.refusal = reason;
    },
    refuseNextDisable() {
      state.refuseDisable = true;
    },
    refuseNextRemove() {
      state.inUse = true;
    },
    calm() {
      Object.assign(state, CALM);
    },
    setMode(next) {
      state.mode = next;
    },
    setSecurity(changes) {
      state.security = { ...state.security, ...changes };
    },
    stacks(next) {
      isStacked = next;
    },
    tellCumulative() {
      state.tellsCumulative = true;
    },
    refuseTarget(target) {
      state.refusedTargets.push(target);
    },
    say(...lines) {
      print(0, 4, lines);
    },
    forge(...lines) {
      print(1, 4, lines);
    },
    fault(module) {
      print(0, 4, [
        'BUG: kernel NULL pointer dereference, address: 0000000000000000',
        'Oops: 0002 [#1] PREEMPT SMP NOPTI',
        `RIP: 0010:patched_version_proc_show+0x5/0x10 [${module}]`,
        '---[ end trace 0000000000000000 ]---',
      ]);
    },
    hold(name, { buildId, cumulative = true } = {}) {
      state.patches.push({ name, enabled: true, inTransition: false, cumulative });
      state.loaded.push(name);
      if (buildId !== undefined) state.buildIds[name] = buildId;
    },
    reboot(uptimeSeconds = 10, release = state.machine.release) {
      const { machine, mode, security, tellsCumulative } = state;
      const bootId = `boot-${Number(machine.bootId.slice(5)) + 1}`;
      Object.assign(state, freshState(), {
        mode,
        security,
        tellsCumulative,
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
