import { during } from '../errors.ts';
import { type CheckIn, SCHEMA } from '../remote/messages.ts';
import type { Server } from '../remote/server.ts';
import { patchStateOf } from '../report/patch-state.ts';
import type { Secret } from '../secret.ts';
import type { Config, Machine, Remembered } from '../types.ts';
import { noteDenial } from './note.ts';
import type { World } from './world.ts';

/**
 * Tells the server about this machine, takes its answer, and remembers both that it was asked and what it said.
 * @returns what is remembered from now on.
 * @throws LivepatchError as server.ts says, its message beginning with `livepatch check failed: `.
 */
export async function checkIn(
  world: World,
  server: Server,
  token: Secret,
  machine: Machine,
  config: Config,
): Promise<Remembered> {
  const before = world.store.record.read();
  world.progress(`checking in with ${config.remoteServer.origin}`);
  try {
    const answer = await server.checkIn(reportOf(world, machine, config, before), token);
    const at = world.now().toISOString();
    const after: Remembered = {
      ...before,
      lastCheck: { at },
      lastGoodCheck: { at, serial: answer.serial, issuedAt: answer.issuedAt, kernel: machine.kernel },
      advice: answer.advice ?? before.advice,
    };
    world.store.record.write(after);
    return after;
  } catch (error) {
    noteDenial(world, error);
    const failure = during('livepatch check failed', error);
    const lastCheck = { at: world.now().toISOString(), error: failure.message };
    world.store.record.write({ ...before, lastCheck });
    throw failure;
  }
}

/** Everything that a check-in tells of this machine, and nothing else. */
function reportOf(world: World, machine: Machine, config: Config, remembered: Remembered): CheckIn {
  const livePatches = world.kernel.livePatches() ?? [];
  const { patch } = remembered;
  return {
    schema: SCHEMA,
    clientVersion: world.clientVersion,
    machineId: machine.id,
    architecture: machine.architecture,
    cpuModel: machine.cpuModel,
    kernel: machine.kernel,
    bootTime: machine.bootTime,
    uptimeSeconds: machine.uptimeSeconds,
    ...(patch === undefined
      ? {}
      : { patch: { version: patch.version, state: patchStateOf(remembered, machine, livePatches) } }),
    ...(remembered.lastCheck === undefined ? {} : { lastCheck: remembered.lastCheck.at }),
    ...(remembered.lastGoodCheck === undefined ? {} : { lastSerial: remembered.lastGoodCheck.serial }),
    cutoffDate: config.cutoffDate !== undefined,
    patchDelay: config.patchDelay > 0,
  };
}
