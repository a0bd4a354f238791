import { readFileSync } from 'node:fs';
import { LivepatchError } from '../../src/errors.ts';
import type { Kernel } from '../../src/kernel/kernel.ts';
import { readModule } from '../../src/patch/module.ts';
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
  /** Sets the kill switch. */
  setMode(next: Mode): void;
  /** The kernel prints something. */
  say(...lines: string[]): void;
  /** Puts somebody else's live patch into the kernel. */
  hold(name: string): void;
  /** Boots again, some seconds ago. */
  reboot(uptimeSeconds?: number): void;
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

/** A kernel of the mind: cumulative patches with instant transitions, unless told otherwise. */
export function fakeKernel(): FakeKernel {
  let machine = MACHINE;
  let patches: LivePatch[] = [];
  let loaded = new Set<string>();
  let stall = false;
  let refusal: string | undefined;
  let mode: Mode = { contact: true, apply: true, sources: [] };
  const said: string[] = [];
  const deeds: string[] = [];

  return {
    deeds,
    machine: () => machine,
    mode: () => mode,
    security: () => ({ lockdown: 'none', secureBoot: false, modulesDisabled: false, tainted: 0 }),
    host: async () => ({ isRoot: true, missingInterfaces: undefined, timer: true }),
    installed: () => [MACHINE.release],
    quiet: async () => {},
    replacedFunctions: () => ['version_proc_show'],
    openLog: () => ({ read: () => said.splice(0), [Symbol.dispose]: () => {} }),
    livePatches: () => patches.map((patch) => ({ ...patch })),
    isLoaded: (name) => loaded.has(name),
    async insert(fd) {
      const { name } = readModule(splitSignedModule(readFileSync(fd)).content);
      deeds.push(`insert ${name}`);
      if (refusal !== undefined) {
        const reason = refusal;
        refusal = undefined;
        throw new LivepatchError('kernel-refused', `the kernel refuses to insert the module: ${reason}`);
      }
      if (loaded.has(name)) throw new LivepatchError('kernel-refused', 'File exists');
      loaded.add(name);
      patches.push({ name, enabled: true, inTransition: true });
    },
    async settle(name) {
      if (stall) {
        stall = false;
        throw new LivepatchError('transition', `the transition to ${name} did not finish`);
      }
      // A cumulative patch takes the place of all others; their modules stay loaded, unused.
      patches = [{ name, enabled: true, inTransition: false }];
    },
    async disable(name) {
      deeds.push(`disable ${name}`);
      patches = patches.filter((patch) => patch.name !== name);
    },
    async remove(name) {
      if (!loaded.has(name)) return;
      deeds.push(`remove ${name}`);
      if (patches.some((patch) => patch.name === name)) throw new LivepatchError('kernel-refused', 'in use');
      loaded.delete(name);
    },
    stallNextTransition() {
      stall = true;
    },
    refuseNextInsert(reason) {
      refusal = reason;
    },
    setMode(next) {
      mode = next;
    },
    say(...lines) {
      said.push(...lines);
    },
    hold(name) {
      patches.push({ name, enabled: true, inTransition: false });
      loaded.add(name);
    },
    reboot(uptimeSeconds = 10) {
      machine = { ...machine, bootId: `${machine.bootId}+`, uptimeSeconds };
      patches = [];
      loaded = new Set();
    },
  };
}
