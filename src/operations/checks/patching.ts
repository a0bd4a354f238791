import { LivepatchError } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { HoldReason } from '../../types.ts';
import { attempt, type DiagnosticContext, failed, ok, unknown, type Verdict, wrong } from './diagnostic.ts';

export function token({ host, state, context }: DiagnosticContext): Verdict {
  if (!context.store.token.exists()) {
    return wrong('the machine is not enabled', "Run 'sudo canonical-livepatch enable' with a token.");
  }
  if (!host.isRoot) return unknown('there is one, and only root may read it');
  const token = attempt(() => context.store.token.read());
  if (token instanceof LivepatchError) return failed(token, 'Disable and enable again.');
  const refused = state instanceof LivepatchError ? undefined : state.lastCheck?.error;
  if (refused?.includes('Invalid Machine Token')) {
    return wrong('the server does not know it', "Run 'sudo canonical-livepatch disable', then enable again.");
  }
  return ok('there is one');
}

export function lastCheck({ state, context }: DiagnosticContext): Verdict {
  if (state instanceof LivepatchError) return failed(state, 'Move the record away.');
  const { lastCheck, lastGoodCheck } = state;
  const next = "Run 'sudo canonical-livepatch refresh'.";
  if (lastCheck?.error !== undefined) return wrong(lastCheck.error, next);
  if (lastGoodCheck === undefined) return unknown('there was none yet');
  const age = context.now().getTime() - Date.parse(lastGoodCheck.at);
  return age > LIMITS.report.goodCheckAge
    ? wrong(`the last one was on ${lastGoodCheck.at}, which is too long ago`, next)
    : ok(`it succeeded, on ${lastGoodCheck.at}`);
}

/** What an administrator decided, or has to decide; all other reasons pass by themselves. */
const LET_GO: Partial<Record<HoldReason, string>> = {
  'cutoff-date': "Lift it: 'sudo canonical-livepatch config cutoff-date='.",
  crashed: "Wait for a newer patch, or try it again: 'sudo canonical-livepatch refresh --retry-blocked'.",
  'kernel-bug': 'Plan a reboot, and wait for a newer patch.',
  reverted: "Wait for a newer patch, or try it again: 'sudo canonical-livepatch refresh --retry-blocked'.",
  mode: "Take it away there, then run 'sudo canonical-livepatch refresh'.",
};

export function patch({ state }: DiagnosticContext): Verdict {
  if (state instanceof LivepatchError) return unknown('the record cannot be read');
  const { failure, held } = state;
  if (failure !== undefined) {
    return wrong(
      `patch ${failure.version}: ${failure.message}`,
      "Mend that, then run 'sudo canonical-livepatch refresh'.",
    );
  }
  const [newest] = held;
  if (newest === undefined) return ok('none is held back');
  const next = LET_GO[newest.why];
  return next === undefined ? ok(newest.message) : wrong(newest.message, next);
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
