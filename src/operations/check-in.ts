import { during, LivepatchError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { warningsOf } from '../policy/config-warnings.ts';
import { patchStateOf } from '../report/patch-state.ts';
import type { Secret } from '../secret.ts';
import type { Server } from '../source/server/client.ts';
import { type CheckIn, SCHEMA } from '../source/server/messages.ts';
import type { Answer, Config, Machine, State } from '../types.ts';
import { noteDenial } from './audit.ts';
import type { Context } from './context.ts';

/**
 * Tells the server about this machine, takes its answer, and remembers both that it was asked and what it said.
 * @returns what is state from now on.
 * @throws LivepatchError as server.ts says, `bad-answer` for one that was replayed; its message begins with
 * `livepatch check failed: `.
 */
export async function checkIn(
  context: Context,
  server: Server,
  token: Secret,
  machine: Machine,
  config: Config,
): Promise<State> {
  const warnings = warningsOf(config);
  const before = { ...context.store.state.read(), warnings: warnings.length > 0 ? warnings : undefined };
  context.progress(`checking in with ${config.remoteServer.origin}`);
  try {
    const answer = await server.checkIn(reportOf(context, machine, config, before), token);
    requireNews(answer, before);
    const at = context.now().toISOString();
    warnOfClock(context, answer);
    const after: State = {
      ...before,
      lastCheck: { at },
      lastGoodCheck: { at, serial: answer.serial, issuedAt: answer.issuedAt, kernel: machine.kernel },
      advice: answer.advice ?? before.advice,
    };
    context.store.state.write(after);
    return after;
  } catch (error) {
    noteDenial(context, error);
    const failure = during('livepatch check failed', error);
    const lastCheck = { at: context.now().toISOString(), error: failure.message };
    context.store.state.write({ ...before, lastCheck });
    throw failure;
  }
}

/**
 * Replay: an attacker who holds old answers could hide a new patch behind them, or bring an old one back. The number
 * of an answer only ever grows (PROTOCOL.md), whatever the clocks say.
 */
function requireNews({ advice, serial }: Answer, { advice: known, lastGoodCheck }: State): void {
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
function warnOfClock(context: Context, { issuedAt }: Answer): void {
  const skew = Date.parse(issuedAt) - context.now().getTime();
  if (Math.abs(skew) <= LIMITS.network.clockSkew) return;
  const minutes = Math.round(Math.abs(skew) / 60_000);
  context.warn(
    `the server's clock is ${minutes} minutes ${skew > 0 ? 'ahead of' : 'behind'} ours: check this machine's clock`,
  );
}

/** Everything that a check-in tells of this machine, and nothing else. */
function reportOf(context: Context, machine: Machine, config: Config, state: State): CheckIn {
  const livePatches = context.kernel.livePatches() ?? [];
  const { patch } = state;
  return {
    schema: SCHEMA,
    clientVersion: context.clientVersion,
    machineId: machine.id,
    architecture: machine.architecture,
    cpuModel: machine.cpuModel,
    kernel: machine.kernel,
    bootTime: machine.bootTime,
    uptimeSeconds: machine.uptimeSeconds,
    ...(patch === undefined
      ? {}
      : { patch: { version: patch.version, state: patchStateOf(state, machine, livePatches) } }),
    ...(state.lastCheck === undefined ? {} : { lastCheck: state.lastCheck.at }),
    ...(state.lastGoodCheck === undefined ? {} : { lastSerial: state.lastGoodCheck.serial }),
    cutoffDate: config.cutoffDate !== undefined,
    patchDelay: config.patchDelay > 0,
  };
}
