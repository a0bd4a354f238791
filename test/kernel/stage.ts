import type { KernelTree } from './debian-kernel.ts';
import { bootVm, type Vm } from './vm.ts';

/** Where a show is played: commands on a virtual machine, what was typed and what it printed. */
interface Stage {
  vm: Vm;
  /** Runs a command in the guest, in the directory DEMO, and shows it with what it printed. */
  show(typed: string): Promise<void>;
  /** Runs what is not worth showing. @throws Error when it fails. */
  prepare(script: string): Promise<void>;
}

/** The directory in the guest that commands are typed in. */
export const DEMO = '/root/demo';

/** The commands by the names that an installation gives them. */
const FURNISH = `mkdir -p /run/bin ${DEMO}
  for name in canonical-livepatch livepatch-publish; do ln -s "$PWD/bin/$name.js" /run/bin/$name; done`;

export function say(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/**
 * Boots a machine and plays a scene on it; every line under a `guest#` was printed by the guest. The process ends with 1
 * when a command that was shown failed.
 * @param gone what is gone after it.
 */
export async function play(
  kernel: KernelTree,
  gone: string,
  scene: (stage: Stage) => Promise<void>,
): Promise<void> {
  say(`Booting ${kernel.release} (${kernel.name}, ${kernel.architecture}) in QEMU ...`);
  const vm = await bootVm({ kernel });
  const run = (script: string) => vm.run(`PATH=/run/bin:$PATH; cd ${DEMO}\n${script}`);
  let failed = false;
  const stage: Stage = {
    vm,
    async show(typed) {
      say(`\nguest# ${typed}`);
      const { stdout, stderr, exitCode } = await run(typed);
      const printed = `${stderr}${stdout}`.trimEnd();
      if (printed !== '') say(printed);
      if (exitCode === 0) return;
      say(`(exit status ${exitCode})`);
      failed = true;
    },
    async prepare(script) {
      const { exitCode, stderr } = await run(script);
      if (exitCode !== 0) throw new Error(`${script}: ${stderr}`);
    },
  };
  try {
    await vm.run(FURNISH);
    await scene(stage);
  } finally {
    await vm.kill();
  }
  const seconds = Math.round(performance.now() / 1000);
  say(`\n${failed ? 'FAILED' : 'Done'} after ${seconds} s. ${gone} are gone again.`);
  process.exitCode = failed ? 1 : 0;
}
