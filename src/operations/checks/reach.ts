import { LivepatchError } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { Secret } from '../../secret.ts';
import { type LookedUp, lookUp, proxyOf } from '../../source/look-up.ts';
import { NO_TOKEN } from '../../store/token.ts';
import type { Config, Freshness, Machine, Mode, Support } from '../../types.ts';
import type { Context } from '../context.ts';
import { asFailure, attempt } from './diagnostic.ts';

/** What came of trying to reach the source. */
export interface Reached {
  proxy: URL | undefined;
  /** Undefined where there is no name to look up, as in a catalogue in a directory. */
  lookedUp: LookedUp | undefined;
  answer: Answered | LivepatchError | NotAsked;
}

interface Answered {
  /** Whether the source covers this kernel. */
  support: Support;
  /** Of a catalogue; undefined for a server. */
  freshness: Freshness | undefined;
}

/** Why nobody was asked. */
interface NotAsked {
  notAsked: string;
}

interface Subject {
  config: Config | LivepatchError;
  machine: Machine | LivepatchError;
  mode: Mode;
}

/**
 * Looks the name up, then asks: a server whether it covers this kernel, without a token; a catalogue for all that a
 * check takes, and nothing of that is kept. Ends within LIMITS.doctor, whatever does not answer.
 */
export async function reach(
  context: Context,
  { config, machine, mode }: Subject,
  look: typeof lookUp = lookUp,
): Promise<Reached> {
  const nobody = (notAsked: string): Reached => ({
    proxy: undefined,
    lookedUp: undefined,
    answer: { notAsked },
  });
  if (!mode.contact) return nobody('not asked: canonical_livepatch_mode');
  if (config instanceof LivepatchError) return nobody('not asked: the configuration cannot be used');
  const proxy = attempt(() => proxyOf(config));
  if (proxy instanceof LivepatchError) return { ...nobody(''), answer: proxy };
  const { hostname } = proxy ?? config.remoteServer;
  const lookedUp = hostname === '' ? undefined : await look(hostname);
  const reached = { proxy, lookedUp };
  if (lookedUp !== undefined && 'failure' in lookedUp) {
    return { ...reached, answer: { notAsked: `not asked: ${lookedUp.failure}` } };
  }
  if (machine instanceof LivepatchError)
    return { ...reached, answer: { notAsked: 'not asked: see machine' } };
  context.progress(`asking ${nameOf(config.remoteServer)}`);
  return { ...reached, answer: await ask(context, config, machine) };
}

async function ask(context: Context, config: Config, machine: Machine): Promise<Answered | LivepatchError> {
  const dialTimeout = Math.min(config.dialTimeout, LIMITS.doctor.dialTime);
  try {
    const source = await context.connect({ ...config, dialTimeout }, { trial: true });
    if (source.registry !== undefined)
      return { support: await source.registry.support(machine), freshness: undefined };
    const report = { machine, cutoffDate: false, patchDelay: false };
    const { advice, freshness } = await source.checkIn(report, tokenOf(context));
    return { support: advice === 'unchanged' ? 'supported' : advice.support, freshness };
  } catch (error) {
    return asFailure(error);
  }
}

/** A catalogue may be on a private host. */
function tokenOf({ store }: Context): Secret | undefined {
  const token = attempt(() => store.token.read());
  return token instanceof LivepatchError || token?.reveal() === NO_TOKEN ? undefined : token;
}

export function nameOf(url: URL): string {
  return url.protocol === 'file:' ? url.pathname : url.origin;
}
