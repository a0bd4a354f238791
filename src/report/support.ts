import type { Advice, Machine, State, Support } from '../types.ts';

/** What the source says of the running kernel, as of now. */
export interface Coverage {
  support: Support;
  /** Why the kernel has to be upgraded, where that is what the support says. */
  upgradeReason: UpgradeReason | undefined;
}

/** Its coverage is over; or the source says that a vulnerability of it cannot be remedied with live patches. */
export type UpgradeReason = 'coverage' | 'vulnerability';

/** What was advised for another kernel, before the machine was booted into this one, says nothing about this one. */
export function adviceFor({ kernel }: Pick<Machine, 'kernel'>, { advice }: State): Advice | undefined {
  return advice?.kernel === kernel ? advice : undefined;
}

/**
 * A date of coverage passes by itself, whether or not the source was reached since. A kernel whose date has passed
 * needs an upgrade for that reason alone, whatever else the source says.
 */
export function coverageOf(advice: Advice | undefined, now: Date): Coverage {
  const { support = 'unknown', upgradeRequiredDate: date } = advice ?? {};
  if (support !== 'supported' && support !== 'kernel-upgrade-required')
    return { support, upgradeReason: undefined };
  const isOver = date !== undefined && Date.parse(date) < now.getTime();
  if (isOver) return { support: 'kernel-upgrade-required', upgradeReason: 'coverage' };
  return { support, upgradeReason: support === 'supported' ? undefined : 'vulnerability' };
}
