import { LivepatchError } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import { holdings } from '../../policy/identity.ts';
import type { HoldReason } from '../../types.ts';
import { attempt, type DiagnosticContext, failed, ok, unknown, type Verdict, wrong } from './diagnostic.ts';

export function token({ host, state, context }: DiagnosticContext): Verdict {
  if (!context.store.token.exists()) {
    return wrong(
      'the machine is not enabled',
      "Run 'sudo canonical-livepatch enable' with a token; a catalogue needs none.",
    );
  }
  if (!host.isRoot) return unknown('there is one, and only root may read it');
  const token = attempt(() => context.store.token.read());
  if (token instanceof LivepatchError) {
    return failed(token, "Run 'sudo canonical-livepatch disable', then enable again.");
  }
  const refused = state instanceof LivepatchError ? undefined : state.lastCheck?.error;
  if (refused?.includes('Invalid Machine Token')) {
    return wrong('the server does not know it', "Run 'sudo canonical-livepatch disable', then enable again.");
  }
  return ok('there is one');
}

const REFRESH = "Run 'sudo canonical-livepatch refresh'.";

export function lastCheck({ state, context, network: { answer } }: DiagnosticContext): Verdict {
  if (state instanceof LivepatchError) return unknown('the state file cannot be understood');
  const { lastCheck, lastGoodCheck } = state;
  if (lastCheck?.error !== undefined) return wrong(lastCheck.error, whatHelps(answer));
  if (lastGoodCheck === undefined) return unknown('there was none yet');
  const age = context.now().getTime() - Date.parse(lastGoodCheck.at);
  return age > LIMITS.report.goodCheckAge
    ? wrong(`the last one was on ${lastGoodCheck.at}, which is too long ago`, REFRESH)
    : ok(`it succeeded, on ${lastGoodCheck.at}`);
}

/** Once more helps only where the cause has gone meanwhile. */
function whatHelps(answer: DiagnosticContext['network']['answer']): string {
  return 'support' in answer
    ? `The source answers now. ${REFRESH}`
    : "Correct what is wrong above, then run 'sudo canonical-livepatch refresh'.";
}

/** What an administrator decided, or has to decide; all other reasons pass by themselves. */
const LET_GO: Partial<Record<HoldReason, string>> = {
  'cutoff-date': "Remove it: 'sudo canonical-livepatch config cutoff-date='.",
  crashed: "Wait for a newer patch, or try it again: 'sudo canonical-livepatch refresh --retry-blocked'.",
  'kernel-bug': 'Plan a reboot, and wait for a newer patch.',
  reverted: "Wait for a newer patch, or try it again: 'sudo canonical-livepatch refresh --retry-blocked'.",
  mode: "Remove it there, then run 'sudo canonical-livepatch refresh'.",
};

export function patch({ machine, state }: DiagnosticContext): Verdict {
  if (state instanceof LivepatchError) return unknown('the state file cannot be understood');
  if (machine instanceof LivepatchError) return unknown('see machine');
  // What is remembered of another kernel says nothing of this one.
  const isOld = state.advice !== undefined && state.advice.kernel !== machine.kernel;
  const { failure, held } = isOld ? { failure: undefined, held: [] } : state;
  const found = [
    ...(failure === undefined ? [] : [`patch ${failure.version}: ${failure.message}`]),
    ...held.map(({ message }) => message),
  ].join('; ');
  const next = [
    ...(failure === undefined ? [] : [failure.hint ?? `When that is corrected: ${REFRESH}`]),
    ...new Set(held.flatMap(({ why }) => LET_GO[why] ?? [])),
  ].join(' ');
  if (found === '') return ok('none is held back');
  return next === '' ? ok(found) : wrong(found, next);
}

/** What nothing remembered says that we put into the kernel: no patch of ours goes in beside it. */
export function otherPatches({ context, kernel, machine, state }: DiagnosticContext): Verdict {
  if (kernel.livePatches === undefined) return unknown('live patches cannot be seen here');
  if (machine instanceof LivepatchError) return unknown('see machine');
  const pending = attempt(() => context.store.pending.all());
  const memory = {
    state: state instanceof LivepatchError ? { applied: [], replaced: [] } : state,
    pending: pending instanceof LivepatchError ? [] : pending,
    bootId: machine.bootId,
  };
  const strangers = holdings(kernel, memory).filter(({ live, patch }) => live && patch === undefined);
  if (strangers.length === 0) return ok('no live patch in the kernel is of somebody else');
  return wrong(
    `not ours, or our state was lost: ${strangers.map(({ module }) => module.name).join(', ')}`,
    "Find out where it comes from; 'sudo canonical-livepatch revert --all' takes every live patch out, then refresh.",
  );
}

/** Modules that the kernel did not load, because one of its live patches could not be applied to them. */
export function refusedModules({ context }: DiagnosticContext): Verdict {
  const refused = context.kernel.refusedTargets();
  if (refused.length === 0) return ok('no module was refused because of a live patch');
  return wrong(
    refused
      .map(({ module, patch }) => `the kernel refused to load ${module}: ${patch} cannot patch it`)
      .join('; '),
    "The module is of another build than the patch; see 'sudo dmesg'. Without the patch it loads: 'sudo canonical-livepatch revert'.",
  );
}

export function timer({ config, host }: DiagnosticContext): Verdict {
  if (!(config instanceof LivepatchError) && config.checkInterval === undefined) {
    return wrong(
      'automatic checks are off',
      "Turn them on: 'sudo canonical-livepatch config check-interval='.",
    );
  }
  if (host.timer === undefined) return unknown('whether a timer is set may not be read here');
  return host.timer
    ? ok('a timer calls refresh')
    : wrong('no timer calls refresh', "Set one that runs 'canonical-livepatch refresh --timer' every hour.");
}
