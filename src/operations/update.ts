import { LivepatchError, messageOf } from '../errors.ts';
import { decide } from '../patch/policy.ts';
import type { Server } from '../remote/server.ts';
import type { Secret } from '../secret.ts';
import type { AppliedPatch, Config, Decision, Machine, Offer, Remembered } from '../types.ts';
import { apply } from './apply.ts';
import { checkIn } from './check-in.ts';
import { obtain } from './obtain.ts';
import type { World } from './world.ts';

/** What an update came to. */
export type Outcome = Exclude<Decision, { action: 'apply' }> | { action: 'applied'; patch: AppliedPatch };

/**
 * Brings the running kernel up to date: check in, decide, obtain, apply, record. The caller holds the run lock.
 * @throws LivepatchError when a step fails; why is remembered for `status`, and the kernel is as it was before.
 */
export async function update(world: World, token: Secret, config: Config): Promise<Outcome> {
  const machine = world.kernel.machine();
  const server = await world.connect(config);
  const remembered = await checkIn(world, server, token, machine, config);
  const decision = decide(
    remembered.advice?.offer,
    appliedSinceBoot(remembered, machine),
    world.kernel.livePatches() ?? [],
  );
  if (decision.action !== 'apply') return decision;
  try {
    const applied = await bring(world, server, token, machine, config, decision.offer, remembered);
    world.store.record.write({ ...remembered, patch: applied, failure: undefined });
    world.store.payloads.keepOnly(applied.sha256);
    return { action: 'applied', patch: applied };
  } catch (error) {
    world.store.record.write({ ...remembered, failure: failureOf(world, decision.offer, error) });
    throw error;
  }
}

async function bring(
  world: World,
  server: Server,
  token: Secret,
  machine: Machine,
  config: Config,
  offer: Offer,
  remembered: Remembered,
): Promise<AppliedPatch> {
  const patch = await obtain(world, server, token, machine, config, offer);
  await apply(world, patch, appliedSinceBoot(remembered, machine));
  const { version, module, kernel, releasedAt, fixes } = patch.metadata;
  const appliedAt = world.now().toISOString();
  return {
    version,
    module,
    kernel,
    releasedAt,
    fixes,
    sha256: offer.sha256,
    appliedAt,
    bootId: machine.bootId,
  };
}

/** A patch that was applied before the last boot is no longer in the kernel, whatever is remembered of it. */
function appliedSinceBoot({ patch }: Remembered, { bootId }: Machine): AppliedPatch | undefined {
  return patch?.bootId === bootId ? patch : undefined;
}

function failureOf(world: World, offer: Offer, error: unknown): Remembered['failure'] {
  const code = error instanceof LivepatchError ? error.code : 'general';
  return { at: world.now().toISOString(), version: offer.version, code, message: messageOf(error) };
}
