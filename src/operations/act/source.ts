import { during, LivepatchError, messageOf } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import { warningsOf } from '../../policy/config-warnings.ts';
import { knowsAll } from '../../policy/decide.ts';
import type { Event, Situation } from '../../policy/loop.ts';
import { patchStateOf } from '../../report/patch-state.ts';
import { Secret } from '../../secret.ts';
import type { MachineReport } from '../../source/source.ts';
import { NO_TOKEN } from '../../store/token.ts';
import { configOf } from '../act.ts';
import { sourceOf, tokenFor } from '../connect.ts';
import type { Session } from '../session.ts';

/** Asks the server, without a token, whether it covers this kernel. */
export async function support(session: Session): Promise<Event> {
  const { context, machine } = session;
  const config = configOf(session);
  context.progress(`registering with ${nameOf(config.remoteServer)}`);
  const { registry } = await sourceOf(session);
  if (registry !== undefined) requireAuthToken(session);
  try {
    return { kind: 'support', support: (await registry?.support(machine)) ?? 'unknown' };
  } catch (error) {
    throw during('failed to register client', error);
  }
}

function requireAuthToken({ authToken }: Session): Secret {
  if (authToken !== undefined) return authToken;
  throw new LivepatchError('usage', 'this server wants a token', {
    hint: "Run 'sudo canonical-livepatch enable <token>'. Obtain one from the administrator of the server.",
  });
}

/** A catalogue keeps no register: the machine is enabled by its own word, with a token of the administrator's or none. */
export async function register(session: Session): Promise<Event> {
  const { authToken, machine } = session;
  const { registry } = await sourceOf(session);
  if (registry === undefined) {
    if (authToken !== undefined) warnOfPlainHttp(session);
    return { kind: 'registered', token: authToken ?? new Secret(NO_TOKEN) };
  }
  const given = requireAuthToken(session);
  try {
    return { kind: 'registered', token: await registry.register(machine, given) };
  } catch (error) {
    return {
      kind: 'failed',
      action: 'register',
      patch: undefined,
      error: during('failed to register client', error),
      denied: isDenial(error),
    };
  }
}

/** The signatures of a catalogue protect what comes from it, not the token that goes to its host. */
function warnOfPlainHttp(session: Session): void {
  const { origin, protocol } = configOf(session).remoteServer;
  if (protocol !== 'http:') return;
  session.context.warn(`${origin} is not https: anybody on the network path can take the token`);
}

/** Tells the source about this machine, where it wants to know, and takes its answer. */
export async function checkIn(session: Session, situation: Situation): Promise<Event> {
  const { context } = session;
  const config = configOf(session);
  const warnings = warningsOf(config);
  context.progress(`checking in with ${nameOf(config.remoteServer)}`);
  try {
    const source = await sourceOf(session);
    const answer = await source.checkIn(reportOf(session, situation), tokenFor(session));
    warnOfClock(session, answer.issuedAt);
    if (source.registry !== undefined) session.pings.connect(source.registry);
    return { kind: 'checked-in', ...answer, warnings };
  } catch (error) {
    if (!(error instanceof LivepatchError)) throw error;
    const failure = during('livepatch check failed', error);
    return { kind: 'check-failed', error: failure, denied: isDenial(error), warnings };
  }
}

function nameOf(url: URL): string {
  return url.protocol === 'file:' ? url.pathname : url.origin;
}

/** Everything that a check-in tells of this machine, and nothing else. */
function reportOf({ machine }: Session, situation: Situation): MachineReport {
  const { config, kernel, state } = situation;
  const { cutoffDate, patchDelay } = configOf({ config });
  const newest = state.applied.at(-1);
  return {
    machine,
    patch: newest && {
      version: newest.version,
      state: patchStateOf({ machine, kernel, state, now: situation.now }),
    },
    lastCheck: state.lastCheck?.at,
    known: knowsAll(situation) ? state.advice?.tag : undefined,
    cutoffDate: cutoffDate !== undefined,
    patchDelay: patchDelay > 0,
  };
}

/** A wrong clock is no attack, but certificates and delays are judged by it: it is said, not refused. */
function warnOfClock({ context }: Session, issuedAt: string | undefined): void {
  if (issuedAt === undefined) return;
  const skew = Date.parse(issuedAt) - context.now().getTime();
  if (Math.abs(skew) <= LIMITS.network.clockSkew) return;
  const minutes = Math.round(Math.abs(skew) / 60_000);
  context.warn(
    `the server's clock is ${minutes} minutes ${skew > 0 ? 'ahead of' : 'behind'} ours: check this machine's clock`,
  );
}

/** The source itself refuses this machine or its token. */
function isDenial(error: unknown): boolean {
  return error instanceof LivepatchError && error.refusal?.denied === true;
}

/** Brings the CVE data up to date. It is only shown, by `status`: nothing fails with it. */
export async function fetchCves(session: Session, situation: Situation): Promise<Event> {
  const { context, machine } = session;
  const { cves } = context.store;
  const latest = situation.state.advice?.cves;
  try {
    const kept = cves.read();
    const known = kept?.kernel === machine.kernel ? kept.digest : undefined;
    if (known === latest) return { kind: 'cves-done' };
    const fetched =
      latest === undefined ? 'none' : await (await sourceOf(session)).cves(machine, tokenFor(session), known);
    if (fetched === 'none') cves.remove();
    else if (fetched !== 'unchanged') cves.write({ ...fetched, kernel: machine.kernel });
  } catch (error) {
    context.debug(`the CVE data could not be brought up to date: ${messageOf(error)}`);
  }
  return { kind: 'cves-done' };
}

/** Tells the server that the machine leaves. It is disabled whether or not the server hears of it. */
export async function unregister(session: Session, { mode }: Situation): Promise<Event> {
  const { context, machine, token } = session;
  if (token === undefined) return { kind: 'unregistered' };
  if (token instanceof LivepatchError) return { kind: 'server-not-told', reason: token.message };
  if (!mode.contact) return { kind: 'server-not-told', reason: 'canonical_livepatch_mode forbids it' };
  try {
    const { registry } = await sourceOf(session);
    if (registry === undefined) return { kind: 'unregistered' };
    context.progress('unregistering from the server');
    await registry.unregister(machine.id, token);
    return { kind: 'unregistered' };
  } catch (error) {
    if (!(error instanceof LivepatchError)) throw error;
    return { kind: 'server-not-told', reason: error.message };
  }
}
