import { LivepatchError } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import { lookUp, proxyOf } from '../../source/look-up.ts';
import { type DiagnosticContext, failed, ok, unknown, type Verdict, wrong } from './diagnostic.ts';

/** Judged by the last answer of the server, which carries its time. */
export function clock({ state, context }: DiagnosticContext): Verdict {
  if (state instanceof LivepatchError || state.lastGoodCheck === undefined) {
    return unknown('no answer of the server to compare it with yet');
  }
  const { at, issuedAt } = state.lastGoodCheck;
  const next = "Set it: 'sudo timedatectl set-ntp true'.";
  if (context.now().getTime() < Date.parse(at)) return wrong(`it is set before the last check, ${at}`, next);
  if (issuedAt === undefined) return unknown('the source of patches does not tell the time');
  const skew = Math.abs(Date.parse(at) - Date.parse(issuedAt));
  if (skew <= LIMITS.network.clockSkew) return ok("it agrees with the server's");
  return wrong(`it was ${Math.round(skew / 60_000)} minutes apart from the server's`, next);
}

export async function dns({ config }: DiagnosticContext): Promise<Verdict> {
  if (config instanceof LivepatchError) return unknown('the configuration cannot be read');
  const { hostname } = proxyOf(config) ?? config.remoteServer;
  const addresses = await lookUp(hostname);
  if (addresses !== undefined) return ok(`${hostname} is ${addresses.join(', ')}`);
  return wrong(
    `${hostname} has no address`,
    `Check /etc/resolv.conf and the name; try 'getent hosts ${hostname}'.`,
  );
}

export function proxy({ config, server: answer }: DiagnosticContext): Verdict {
  if (config instanceof LivepatchError) return unknown('the configuration cannot be read');
  const used = proxyOf(config);
  if (used === undefined) return ok('none is used');
  // The origin alone: a proxy's address may hold a password.
  if (answer === 'answered') return ok(`the server answers through ${used.host}`);
  return wrong(
    `the server was not reached through ${used.host}`,
    'Check https-proxy, http-proxy and no-proxy.',
  );
}

export function tls({ config, server: answer }: DiagnosticContext): Verdict {
  if (config instanceof LivepatchError) return unknown('the configuration cannot be read');
  if (config.remoteServer.protocol !== 'https:') {
    return wrong('the server is asked over plain http', "Set 'remote-server' to an https address.");
  }
  if (answer instanceof LivepatchError && isAboutCertificates(answer)) {
    return wrong("the server's TLS certificate is not trusted", answer.hint ?? "Add its CA to 'ca-certs'.");
  }
  if (answer instanceof LivepatchError && answer.code === 'network')
    return unknown('the server was not reached');
  return ok("the server's certificate is trusted");
}

/** Node names what OpenSSL has against a chain: CERT_HAS_EXPIRED, SELF_SIGNED_CERT_IN_CHAIN … */
function isAboutCertificates({ cause }: LivepatchError): boolean {
  return cause instanceof Error && 'code' in cause && /CERT|ISSUER|SIGNATURE/.test(String(cause.code));
}

export function server({ config, server: answer }: DiagnosticContext): Verdict {
  if (config instanceof LivepatchError || answer === 'not asked')
    return unknown('the configuration cannot be read');
  if (answer === 'answered') return ok(`${config.remoteServer.origin} answers`);
  return failed(answer, "Check 'remote-server'.");
}
