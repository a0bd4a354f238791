import { verifiedPayloads } from './open-payload.ts';
import type { World } from './world.ts';

/**
 * Sets the record right before a run goes by it. One that cannot be understood is put aside; and when the kernel holds
 * a patch that the record does not know, for it was lost or the last run died before it was written, the payload on
 * disk says which one that is.
 * @throws LivepatchError `storage`, `config`, and as kernel.ts says of the machine.
 */
export async function recover(world: World): Promise<void> {
  const { kernel, progress, store } = world;
  const aside = store.record.setAside();
  if (aside !== undefined) {
    progress(`the record cannot be understood: it is put aside as ${aside}, and a new one is begun`);
  }
  const remembered = store.record.read();
  const inKernel = new Set((kernel.livePatches() ?? []).map(({ name }) => name));
  if (inKernel.size === 0 || inKernel.has(remembered.patch?.module ?? '')) return;

  const machine = kernel.machine();
  const blocklist = remembered.advice?.blocklist;
  for await (const payload of verifiedPayloads(world, machine, store.config.read(), blocklist)) {
    const { fixes, module, releasedAt, version } = payload.patch.metadata;
    if (!inKernel.has(module)) continue;
    progress(`patch ${version} is in the kernel`);
    const { sha256 } = payload;
    const found = {
      version,
      module,
      releasedAt,
      fixes,
      sha256,
      kernel: machine.kernel,
      bootId: machine.bootId,
    };
    store.record.write({ ...remembered, patch: { ...found, appliedAt: world.now().toISOString() } });
    return;
  }
}
