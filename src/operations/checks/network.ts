import { LivepatchError } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import { wholeSeconds } from '../../report/format.ts';
import type { Config } from '../../types.ts';
import {
  type Check,
  type DiagnosticContext,
  failed,
  ok,
  unknown,
  type Verdict,
  wrong,
} from './diagnostic.ts';
import { nameOf } from './reach.ts';

/** Judged by the last answer that was accepted; a server's carries its time. */
export function clock({ state, context, network: { answer } }: DiagnosticContext): Verdict {
  const next = "Set it: 'sudo timedatectl set-ntp true'.";
  if (answer instanceof LivepatchError && answer.code === 'clock') return failed(answer, next);
  if (state instanceof LivepatchError || state.lastGoodCheck === undefined) {
    return unknown('no earlier check to compare it with');
  }
  const { at, issuedAt } = state.lastGoodCheck;
  if (context.now().getTime() < Date.parse(at)) return wrong(`it is set before the last check, ${at}`, next);
  if (issuedAt === undefined) return unknown('the source of patches does not tell the time');
  const skew = Math.abs(Date.parse(at) - Date.parse(issuedAt));
  if (skew <= LIMITS.network.clockSkew) return ok("it agrees with the server's");
  return wrong(`it was ${Math.round(skew / 60_000)} minutes apart from the server's`, next);
}

/** What a check of the network finds once there is a configuration, and nothing keeps us from asking. */
function online(check: (config: Config, diagnosed: DiagnosticContext) => Verdict): Check {
  return (diagnosed) => {
    const { config, network } = diagnosed;
    if (config instanceof LivepatchError) return unknown('not asked: the configuration cannot be used');
    if ('notAsked' in network.answer && network.lookedUp === undefined)
      return unknown(network.answer.notAsked);
    return check(config, diagnosed);
  };
}

export const dns = online((_, { network: { lookedUp, proxy } }) => {
  if (lookedUp === undefined) return ok('there is no name to look up');
  if ('addresses' in lookedUp) return ok(`found ${lookedUp.addresses.slice(0, 4).join(', ')}`);
  const setting = proxy === undefined ? 'remote-server' : 'the address of the proxy';
  return wrong(lookedUp.failure, `Check /etc/resolv.conf, the network, and ${setting}.`);
});

export const proxy = online((_, { network: { answer, proxy: used } }) => {
  // A proxy in the environment, say, that is none.
  if (answer instanceof LivepatchError && answer.code === 'config') {
    return failed(answer, 'Correct http-proxy, https-proxy or no-proxy.');
  }
  if (used === undefined) return ok('none is used');
  // The host alone: a proxy's address may hold a password.
  if ('support' in answer) return ok(`the server answers through ${used.host}`);
  if ('notAsked' in answer) return unknown(answer.notAsked);
  if (answer.code !== 'network') return ok(`${used.host} lets us through`);
  return wrong(
    `the server was not reached through ${used.host}: ${answer.message}`,
    answer.hint ?? 'Check https-proxy, http-proxy and no-proxy.',
  );
});

export const tls = online(({ catalogueRoot, remoteServer }, { context, network: { answer } }) => {
  if (remoteServer.protocol === 'file:') return ok('a directory needs none');
  if (remoteServer.protocol !== 'https:') {
    const isSigned = catalogueRoot !== '' || context.store.shippedRoot() !== undefined;
    return isSigned
      ? ok('plain http: the catalogue is trusted by its signatures')
      : wrong('the server is asked over plain http', "Set 'remote-server' to an https address.");
  }
  if ('notAsked' in answer) return unknown(answer.notAsked);
  if (answer instanceof LivepatchError && isAboutCertificates(answer)) {
    return wrong("the server's TLS certificate is not trusted", answer.hint ?? "Add its CA to 'ca-certs'.");
  }
  if (answer instanceof LivepatchError && ['network', 'config'].includes(answer.code))
    return unknown('the server was not reached');
  return ok("the server's certificate is trusted");
});

/** Node names what OpenSSL has against a chain: CERT_HAS_EXPIRED, SELF_SIGNED_CERT_IN_CHAIN … */
function isAboutCertificates({ cause }: LivepatchError): boolean {
  return cause instanceof Error && 'code' in cause && /CERT|ISSUER|SIGNATURE/.test(String(cause.code));
}

export const server = online(({ remoteServer }, { network: { answer } }) => {
  if ('notAsked' in answer) return unknown(answer.notAsked);
  if (answer instanceof LivepatchError) return failed(answer, "Check 'remote-server'.");
  const { freshness } = answer;
  if (freshness === undefined) return ok(`${nameOf(remoteServer)} answers`);
  const { expiresAt, renewedAt } = freshness;
  const renewed = renewedAt === undefined ? 'is up to date' : `was renewed on ${renewedAt}`;
  return ok(
    `the catalogue at ${nameOf(remoteServer)} is signed as pinned, ${renewed} and good until ${wholeSeconds(expiresAt)}`,
  );
});

export const coverage = online((_, { machine, network: { answer } }) => {
  if ('notAsked' in answer) return unknown(answer.notAsked);
  if (answer instanceof LivepatchError || machine instanceof LivepatchError)
    return unknown('the server was not reached');
  const { kernel } = machine;
  switch (answer.support) {
    case 'supported':
      return ok(`there are live patches for ${kernel}`);
    case 'unknown':
      return unknown(`the source does not say whether ${kernel} is covered`);
    case 'unsupported':
      return wrong(
        `there are no live patches for ${kernel}: the source does not cover it`,
        'Boot a kernel that it covers, or ask those who publish the patches to cover this one.',
      );
    default:
      return wrong(
        `there will be no more live patches for ${kernel} (${answer.support})`,
        'Install the newest kernel package, and reboot into it.',
      );
  }
});
