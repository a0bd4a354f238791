import { during, LivepatchError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { type CheckIn, SCHEMA } from '../source/server/messages.ts';
import type { Server } from '../source/server/client.ts';
import { warningsOf } from '../policy/config-warnings.ts';
import { patchStateOf } from '../report/patch-state.ts';
import type { Secret } from '../secret.ts';
import type { Answer, Config, Machine, Remembered } from '../types.ts';
import { noteDenial } from './audit.ts';
import type { World } from './context.ts';

/**
 * Tells the server about this machine, takes its answer, and remembers both that it was asked and what it said.
 * @returns what is remembered from now on.
 * @throws LivepatchError as server.ts says, `bad-answer` for one that was replayed; its message begins with
 * `livepatch check failed: `.
 */
export async function checkIn(
  world: World,
  server: Server,
  token: Secret,
  machine: Machine,
  config: Config,
): Promise<Remembered> {
  const warnings = warningsOf(config);
  const before = { ...world.store.record.read(), warnings: warnings.length > 0 ? warnings : undefined };
  world.progress(`checking in with ${config.remoteServer.origin}`);
  try {
    const answer = await server.checkIn(reportOf(world, machine, config, before), token);
    requireNews(answer, before);
    const at = world.now().toISOString();
    warnOfClock(world, answer);
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

/**
 * Replay: an attacker who holds old answers could hide a new patch behind them, or bring an old one back. The number
 * of an answer only ever grows (PROTOCOL.md), whatever the clocks say.
 */
function requireNews({ advice, serial }: Answer, { advice: known, lastGoodCheck }: Remembered): void {
  if (lastGoodCheck !== undefined && serial <= lastGoodCheck.serial) {
    throw new LivepatchError(
      'bad-answer',
      `the server's answer number ${serial} is not newer than number ${lastGoodCheck.serial}, the last one`,
      {
        hint: "An old answer was replayed, or the server was set up anew; if so, run 'sudo canonical-livepatch disable', then enable again.",
      },
    );
  }
  if (advice === undefined && known === undefined) {
    throw new LivepatchError(
      'bad-answer',
      'the server says that nothing is new, but never said anything before',
      {
        hint: 'Report this to whoever runs the server.',
      },
    );
  }
}

/** A wrong clock is no attack, but certificates and delays are judged by it: it is said, not refused. */
function warnOfClock(world: World, { issuedAt }: Answer): void {
  const skew = Date.parse(issuedAt) - world.now().getTime();
  if (Math.abs(skew) <= LIMITS.network.clockSkew) return;
  const minutes = Math.round(Math.abs(skew) / 60_000);
  world.warn(
    `the server's clock is ${minutes} minutes ${skew > 0 ? 'ahead of' : 'behind'} ours: check this machine's clock`,
  );
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
