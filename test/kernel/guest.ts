import { expect } from 'vitest';
import { bootVm, type Vm, type VmOptions } from './vm.ts';

/** What a script in the guest prints, which must succeed. */
export async function outputOf(vm: Vm, script: string): Promise<string> {
  const { exitCode, stderr, stdout } = await vm.run(script);
  expect(exitCode, `${script}\n${stderr}`).toBe(0);
  return stdout.trimEnd();
}

/** Boots a guest whose client keeps its state on a disk, which outlives the guest. */
export async function bootWithState(options: VmOptions & { disk: string }): Promise<Vm> {
  const vm = await bootVm(options);
  await outputOf(
    vm,
    `mkdir -p /persist/state /var/lib/canonical-livepatch
    mount --bind /persist/state /var/lib/canonical-livepatch`,
  );
  return vm;
}
