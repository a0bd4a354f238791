import type {
  AppliedPatch,
  Blocklist,
  Decision,
  Hold,
  HoldReason,
  LivePatch,
  Machine,
  Offer,
  PendingInsertion,
} from '../types.ts';
import { isUnsettled, ruleOn } from './crash-guard.ts';
import { compareVersions } from './version.ts';

/** A patch that may be due: what the server offers, or what is on disk at boot. */
export type Candidate = Pick<Offer, 'version' | 'releasedAt' | 'fixes'>;

/** Everything that a decision rests on. */
export interface Situation {
  candidate: Candidate | undefined;
  machine: Pick<Machine, 'kernel' | 'bootId' | 'uptimeSeconds'>;
  /** What the kernel holds. */
  livePatches: readonly LivePatch[];
  /** What we put into a kernel last, if anything. */
  applied: AppliedPatch | undefined;
  reverted: string | undefined;
  blocklist: Blocklist | undefined;
  /** The server's word came over TLS, so that it is the server's. */
  overTls: boolean;
  locks: readonly PendingInsertion[];
  config: { cutoffDate: string | undefined; patchDelay: number };
  /** The administrator's word that what was blocked on this machine is to be tried again. */
  retryBlocked: boolean;
  /** How long the machine has to be up before a patch it may have died of is tried again. */
  cleanSeconds: number;
  now: Date;
}

/** A rule: why a candidate is held back, or undefined when this rule has nothing against it. */
type Rule = (candidate: Candidate, situation: Situation) => [HoldReason, message: string] | undefined;

/** In this order; the first that speaks is what a person is told. */
const RULES: readonly Rule[] = [blocklisted, rollback, tooNew, tooYoung, crashed, reverted];

/** What is due. Pure: the same situation always leads to the same decision. */
export function decide(situation: Situation): Decision {
  const { candidate } = situation;
  if (candidate === undefined) return { action: 'keep', why: 'nothing-offered' };
  if (stands(candidate, situation)) return { action: 'keep', why: 'already-applied' };
  for (const rule of RULES) {
    const objection = rule(candidate, situation);
    if (objection !== undefined) return { action: 'hold', hold: hold(candidate, ...objection) };
  }
  return { action: 'apply', attempt: attemptAt(candidate, situation) };
}

/** A patch that is held back, and what is missed by that. */
export function hold(candidate: Candidate, why: HoldReason, message: string): Hold {
  // What an older patch would fix, the newer one in its place has fixed.
  const fixes = why === 'rollback' ? [] : candidate.fixes;
  const missed = fixes.filter(({ patched }) => patched).map(({ name }) => name);
  return { version: candidate.version, why, message, missed };
}

/** The kernel holds this very patch, and says so itself; and it has settled, or else it is to be gone on with. */
function stands({ version }: Candidate, { applied, livePatches, locks, machine }: Situation): boolean {
  if (applied === undefined || applied.bootId !== machine.bootId) return false;
  if (locks.some((lock) => lock.module === applied.module && isUnsettled(lock, machine))) return false;
  const inKernel = livePatches.some(
    ({ name, enabled, inTransition }) => name === applied.module && enabled && !inTransition,
  );
  return inKernel && applied.version === version;
}

/** What the server says against a version, as of its blocklist; undefined when nothing. */
export function takenBack(version: string, blocklist: Blocklist | undefined): string | undefined {
  return blocklist?.patches?.includes(version) ? `the server has taken patch ${version} back` : undefined;
}

function blocklisted({ version }: Candidate, { blocklist }: Situation): ReturnType<Rule> {
  const message = takenBack(version, blocklist);
  return message === undefined ? undefined : ['blocklisted', message];
}

/**
 * Patches are cumulative: an older one opens again what was closed, which is what an attacker with an old, genuine
 * answer would want. Only the server's word against the newer one makes way for it.
 */
function rollback(
  { version }: Candidate,
  { applied, blocklist, machine, overTls }: Situation,
): ReturnType<Rule> {
  if (applied === undefined || applied.kernel !== machine.kernel) return undefined;
  if (compareVersions(version, applied.version) >= 0) return undefined;
  if (overTls && takenBack(applied.version, blocklist) !== undefined) return undefined;
  return ['rollback', `patch ${version} is older than ${applied.version}, which was applied to this kernel`];
}

function tooNew({ releasedAt, version }: Candidate, { config }: Situation): ReturnType<Rule> {
  if (config.cutoffDate === undefined || Date.parse(releasedAt) <= Date.parse(config.cutoffDate))
    return undefined;
  return ['cutoff-date', `patch ${version} was released after the cutoff-date ${config.cutoffDate}`];
}

function tooYoung({ releasedAt, version }: Candidate, { config, now }: Situation): ReturnType<Rule> {
  const due = new Date(Date.parse(releasedAt) + config.patchDelay);
  // Without a delay the clock has no say: one that was set back must not hold a fix back.
  if (config.patchDelay === 0 || due <= now) return undefined;
  return ['patch-delay', `patch ${version} waits for its patch-delay until ${due.toISOString()}`];
}

function crashed({ version }: Candidate, situation: Situation): ReturnType<Rule> {
  const { cleanSeconds, locks, machine, retryBlocked } = situation;
  if (retryBlocked) return undefined;
  const lock = lockOf(version, locks, machine.kernel);
  const ruling = ruleOn(lock, machine, cleanSeconds);
  if (lock === undefined || ruling.ruling === 'go') return undefined;
  const told = `(its lock is locks/${lock.module}_${version})`;
  if (ruling.ruling === 'not-yet') {
    return [
      'not-yet',
      `the machine went down while patch ${version} was being applied; it is tried once more after ${ruling.uptimeSeconds / 60} minutes of uptime ${told}`,
    ];
  }
  return ruling.why === 'crashed'
    ? ['crashed', `the machine went down twice while patch ${version} was being applied ${told}`]
    : ['kernel-bug', `the kernel found a bug in patch ${version} ${told}`];
}

function reverted({ version }: Candidate, situation: Situation): ReturnType<Rule> {
  const { locks, machine, retryBlocked } = situation;
  if (retryBlocked || situation.reverted !== version) return undefined;
  // The administrator has had it tried again since, and the run that did so died: it is to be gone on with.
  if (locks.some((lock) => lock.version === version && isUnsettled(lock, machine))) return undefined;
  return ['reverted', `patch ${version} was taken out of the kernel by an administrator`];
}

/** Which try this would be, for the lock. The administrator's word begins anew. */
function attemptAt(
  { version }: Candidate,
  { cleanSeconds, locks, machine, retryBlocked }: Situation,
): number {
  const lock = retryBlocked ? undefined : lockOf(version, locks, machine.kernel);
  const ruling = ruleOn(lock, machine, cleanSeconds);
  return ruling.ruling === 'go' ? ruling.attempt : 1;
}

/** The lock that an earlier try of this version on this kernel left behind; one without a kernel fits any. */
function lockOf(
  version: string,
  locks: readonly PendingInsertion[],
  kernel: string,
): PendingInsertion | undefined {
  return locks.find((lock) => lock.version === version && (lock.kernel === kernel || lock.kernel === ''));
}
