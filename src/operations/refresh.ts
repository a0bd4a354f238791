import { LivepatchError, messageOf } from '../errors.ts';
import { isUnsettled } from '../policy/crash-guard.ts';
import { isCheckDue, type Occasion } from '../policy/schedule.ts';
import type { Result } from './carry-out.ts';
import type { Context, Run } from './context.ts';
import { notEnabled } from './not-enabled.ts';
import { reapply } from './reapply.ts';
import { startRun } from './start-run.ts';
import { update } from './update.ts';

export interface RefreshOptions {
  /** The machine has just booted: first apply again what is on disk, without the network. */
  boot?: boolean;
  /** A timer calls, whether or not a check is due. */
  timer?: boolean;
  /** The administrator's word that what is blocked on this machine is to be tried again. */
  retryBlocked?: boolean;
}

/**
 * Checks in and applies what is due.
 * @throws LivepatchError `not-enabled`, `busy`, and as update.ts and reapply.ts say. At boot, a check-in that fails is
 * no failure: the patch is back in the kernel, and the next refresh tries again.
 */
export async function refresh(context: Context, options: RefreshOptions = {}): Promise<Result> {
  // Before anything that could fail: the kill switch must work when everything else is broken.
  const mode = context.kernel.mode();
  const boot = options.boot === true && mode.apply;
  if (!mode.contact && !boot) return { action: 'keep', why: 'mode' };

  using run = await startRun(context, 'refresh', options);
  const token = context.store.token.read();
  if (token === undefined) {
    // The timer and the boot service are there on every machine: no failure of theirs.
    if (options.timer || options.boot) return { action: 'keep', why: 'not-enabled' };
    throw notEnabled();
  }
  if (options.timer && !isDue(run, 'timer')) {
    // What a run that died has begun is no matter of the server's, nor of the next check's.
    return isUnfinished(run) ? await reapply(run) : { action: 'keep', why: 'not-due' };
  }
  // Awaited here, for the lock is released at the end of this function.
  if (!boot) return await update(run, token);
  const reapplied = await reapply(run);
  const check = mode.contact && isDue(run, 'boot');
  return check ? await afterBoot(run, reapplied, () => update(run, token)) : reapplied;
}

/** What was heard about another kernel is no news about this one. */
function isDue({ config, machine, now, store }: Run, occasion: Occasion): boolean {
  const last = store.state.read().lastGoodCheck;
  const isOurs = last?.kernel === undefined || last.kernel === machine.kernel;
  const age = last && isOurs ? now().getTime() - Date.parse(last.at) : undefined;
  return isCheckDue(occasion, age, config.checkInterval);
}

function isUnfinished({ machine, store }: Run): boolean {
  return store.pending.all().some((lock) => isUnsettled(lock, machine));
}

async function afterBoot(context: Context, reapplied: Result, check: () => Promise<Result>): Promise<Result> {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof LivepatchError) || error.code !== 'network') throw error;
    context.progress(`${messageOf(error)}; the next refresh tries again`);
    return reapplied;
  }
}
