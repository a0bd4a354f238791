import { LivepatchError, messageOf } from '../errors.ts';
import type { Host } from '../kernel/host.ts';
import type { KernelSecurity } from '../kernel/security.ts';
import { LIMITS } from '../limits.ts';
import { lookUp, proxyOf } from '../remote/look-up.ts';
import type { Config, Finding, HoldReason, LivePatch, Remembered } from '../types.ts';
import { trustAnchors } from './open-payload.ts';
import type { World } from './world.ts';

/** What all checks look at. What could not be read is the error in its place, for the check it belongs to. */
interface Patient {
  world: World;
  host: Host;
  security: KernelSecurity;
  livePatches: LivePatch[] | undefined;
  config: Config | LivepatchError;
  remembered: Remembered | LivepatchError;
  /** What came of asking the server, without a token, whether it covers this kernel. */
  server: LivepatchError | 'answered' | 'not asked';
}

/** What a check finds. */
type Verdict = Omit<Finding, 'check'>;
type Check = (patient: Patient) => Verdict | Promise<Verdict>;

/** What usually goes wrong, from the machine outwards. */
const CHECKS: Record<string, Check> = {
  root,
  kernel: kernelSupport,
  modules: moduleLoading,
  'Secure Boot': secureBoot,
  taint,
  confinement,
  configuration,
  certificates,
  files,
  disk,
  clock,
  DNS: dns,
  proxy,
  TLS: tls,
  server,
  token,
  'last check': lastCheck,
  patch,
  timer,
};

/** Examines this machine; changes nothing. Asks the server one question, without a token. */
export async function doctor(world: World): Promise<Finding[]> {
  const config = attempt(() => world.store.config.read());
  const patient: Patient = {
    world,
    host: await world.kernel.host(),
    security: world.kernel.security(),
    livePatches: world.kernel.livePatches(),
    config,
    remembered: attempt(() => world.store.record.read()),
    server: config instanceof LivepatchError ? 'not asked' : await askServer(world, config),
  };
  const findings: Finding[] = [];
  for (const [check, look] of Object.entries(CHECKS)) {
    findings.push({ check, ...(await verdictOf(look, patient)) });
  }
  return findings;
}

/** A check that fails has found something: a proxy in the environment, say, that is none. */
async function verdictOf(look: Check, patient: Patient): Promise<Verdict> {
  try {
    return await look(patient);
  } catch (error) {
    return failed(asFailure(error), 'Correct it.');
  }
}

async function askServer(world: World, config: Config): Promise<Patient['server']> {
  world.progress(`asking ${config.remoteServer.origin}`);
  try {
    await (await world.connect(config)).support(world.kernel.machine());
    return 'answered';
  } catch (error) {
    return asFailure(error);
  }
}

function attempt<T>(read: () => T): T | LivepatchError {
  try {
    return read();
  } catch (error) {
    return asFailure(error);
  }
}

function asFailure(error: unknown): LivepatchError {
  return error instanceof LivepatchError ? error : new LivepatchError('general', messageOf(error));
}

const ok = (found: string) => ({ verdict: 'ok', found }) as const;
const wrong = (found: string, next: string) => ({ verdict: 'wrong', found, next }) as const;
const unknown = (found: string) => ({ verdict: 'unknown', found }) as const;
const failed = ({ hint, message }: LivepatchError, next: string) => wrong(message, hint ?? next);

function root({ host }: Patient): Verdict {
  return host.isRoot
    ? ok('this runs as root')
    : wrong(
        'this does not run as root, so that some checks below say little',
        "Run 'sudo canonical-livepatch doctor'.",
      );
}

function kernelSupport({ livePatches, world }: Patient): Verdict {
  const { kernel } = world.kernel.machine();
  if (livePatches !== undefined) return ok(`${kernel} can be live-patched (CONFIG_LIVEPATCH)`);
  return wrong(
    `${kernel} shows no /sys/kernel/livepatch: it was built without CONFIG_LIVEPATCH, or it is hidden from us`,
    'Boot a kernel that can be live-patched; in a snap, connect its interfaces first.',
  );
}

function moduleLoading({ security }: Patient): Verdict {
  if (security.modulesDisabled === undefined)
    return unknown('whether modules can be loaded may not be read here');
  if (!security.modulesDisabled) return ok('modules can be loaded');
  return wrong(
    'loading modules is switched off until the next boot',
    'Find what writes 1 to /proc/sys/kernel/modules_disabled, such as a file in /etc/sysctl.d, and reboot.',
  );
}

/** Under Secure Boot or lockdown the kernel takes only modules whose signer it knows itself. */
function secureBoot({ config, security, world }: Patient): Verdict {
  const { lockdown, secureBoot: on } = security;
  if (on === undefined && lockdown === undefined)
    return unknown('neither Secure Boot nor lockdown may be read here');
  const state = `Secure Boot is ${on ? 'on' : 'off'}, lockdown is ${lockdown ?? 'not built in'}`;
  if (!on && (lockdown === undefined || lockdown === 'none')) return ok(state);
  const enforced = `${state}: the kernel takes only modules that are signed with a key it knows`;
  if (config instanceof LivepatchError || config.signingCerts === '') {
    return world.store.shippedCertificates().length > 0
      ? ok(`${enforced}, as the vendor's patches are`)
      : ok(enforced);
  }
  return {
    verdict: 'unknown',
    found: `${enforced}; whether it knows yours (signing-certs) shows when a patch is inserted`,
    next: "Enrol the certificate of signing-certs: 'sudo mokutil --import cert.der', reboot, and confirm at the console.",
  };
}

/** Bits that say that the kernel's memory may no longer be what a patch was tested on; 15 is our own patch. */
const BAD_TAINT = {
  1: 'a module was forced in',
  3: 'a module was forced out',
  4: 'a processor reported an error',
  7: 'the kernel has crashed in part (oops)',
};

function taint({ security }: Patient): Verdict {
  const { tainted } = security;
  if (tainted === undefined) return unknown('the taint may not be read here');
  const reasons = Object.entries(BAD_TAINT).flatMap(([bit, reason]) =>
    tainted & (1 << Number(bit)) ? reason : [],
  );
  if (reasons.length === 0) return ok('the kernel has no fault on record');
  return wrong(`since this boot: ${reasons.join(', ')}`, "Look into 'sudo dmesg', and reboot when you can.");
}

function confinement({ host }: Patient): Verdict {
  if (host.missingPlugs === undefined) return ok('this is no snap, so nothing confines it');
  if (host.missingPlugs.length === 0) return ok('the snap has the permissions it needs');
  const connect = host.missingPlugs.map((plug) => `sudo snap connect canonical-livepatch:${plug}`);
  return wrong(
    `the snap is not connected to ${host.missingPlugs.join(', ')}`,
    `Run '${connect.join(' && ')}'.`,
  );
}

function configuration({ config, host }: Patient): Verdict {
  if (!(config instanceof LivepatchError)) return ok('every setting is understood');
  if (!host.isRoot) return unknown('only root may read it');
  return failed(config, 'Correct the file.');
}

async function certificates({ config, world }: Patient): Promise<Verdict> {
  if (config instanceof LivepatchError) return unknown('the configuration cannot be read');
  try {
    const anchors = await trustAnchors(world.store, config);
    return ok(
      `patches are verified with ${anchors.length} pinned certificate${anchors.length === 1 ? '' : 's'}`,
    );
  } catch (error) {
    return failed(asFailure(error), "Set 'signing-certs'.");
  }
}

function files({ world }: Patient): Verdict {
  const { exposed } = world.store.health();
  if (exposed.length === 0) return ok('our files are for root alone');
  return wrong(
    `others could read or change ${exposed.map(({ path }) => path).join(', ')}`,
    `Run '${exposed.map(({ mend }) => `sudo ${mend}`).join(' && ')}'.`,
  );
}

function disk({ world }: Patient): Verdict {
  const { freeBytes, neededBytes } = world.store.health();
  const mebibytes = (bytes: number) => `${Math.floor(bytes / 1024 / 1024)} MiB`;
  if (freeBytes === undefined) return unknown('our directory is not there yet');
  if (freeBytes >= neededBytes) return ok(`${mebibytes(freeBytes)} are free for patch files`);
  return wrong(
    `only ${mebibytes(freeBytes)} are free`,
    `Free ${mebibytes(neededBytes)} where our files are kept.`,
  );
}

/** Judged by the last answer of the server, which carries its time. */
function clock({ remembered, world }: Patient): Verdict {
  if (remembered instanceof LivepatchError || remembered.lastGoodCheck === undefined) {
    return unknown('no answer of the server to compare it with yet');
  }
  const { at, issuedAt } = remembered.lastGoodCheck;
  const next = "Set it: 'sudo timedatectl set-ntp true'.";
  if (world.now().getTime() < Date.parse(at)) return wrong(`it is set before the last check, ${at}`, next);
  const skew = Math.abs(Date.parse(at) - Date.parse(issuedAt));
  if (skew <= LIMITS.network.clockSkew) return ok("it agrees with the server's");
  return wrong(`it was ${Math.round(skew / 60_000)} minutes apart from the server's`, next);
}

async function dns({ config }: Patient): Promise<Verdict> {
  if (config instanceof LivepatchError) return unknown('the configuration cannot be read');
  const { hostname } = proxyOf(config) ?? config.remoteServer;
  const addresses = await lookUp(hostname);
  if (addresses !== undefined) return ok(`${hostname} is ${addresses.join(', ')}`);
  return wrong(
    `${hostname} has no address`,
    `Check /etc/resolv.conf and the name; try 'getent hosts ${hostname}'.`,
  );
}

function proxy({ config, server: answer }: Patient): Verdict {
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

function tls({ config, server: answer }: Patient): Verdict {
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

function server({ config, server: answer }: Patient): Verdict {
  if (config instanceof LivepatchError || answer === 'not asked')
    return unknown('the configuration cannot be read');
  if (answer === 'answered') return ok(`${config.remoteServer.origin} answers`);
  return failed(answer, "Check 'remote-server'.");
}

function token({ host, remembered, world }: Patient): Verdict {
  if (!world.store.token.exists()) {
    return wrong('the machine is not enabled', "Run 'sudo canonical-livepatch enable' with a token.");
  }
  if (!host.isRoot) return unknown('there is one, and only root may read it');
  const token = attempt(() => world.store.token.read());
  if (token instanceof LivepatchError) return failed(token, 'Disable and enable again.');
  const refused = remembered instanceof LivepatchError ? undefined : remembered.lastCheck?.error;
  if (refused?.includes('Invalid Machine Token')) {
    return wrong('the server does not know it', "Run 'sudo canonical-livepatch disable', then enable again.");
  }
  return ok('there is one');
}

function lastCheck({ remembered, world }: Patient): Verdict {
  if (remembered instanceof LivepatchError) return failed(remembered, 'Move the record away.');
  const { lastCheck, lastGoodCheck } = remembered;
  const next = "Run 'sudo canonical-livepatch refresh'.";
  if (lastCheck?.error !== undefined) return wrong(lastCheck.error, next);
  if (lastGoodCheck === undefined) return unknown('there was none yet');
  const age = world.now().getTime() - Date.parse(lastGoodCheck.at);
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

function patch({ remembered }: Patient): Verdict {
  if (remembered instanceof LivepatchError) return unknown('the record cannot be read');
  const { failure, held } = remembered;
  if (failure !== undefined) {
    return wrong(
      `patch ${failure.version}: ${failure.message}`,
      "Mend that, then run 'sudo canonical-livepatch refresh'.",
    );
  }
  if (held === undefined) return ok('none is held back');
  const next = LET_GO[held.why];
  return next === undefined ? ok(held.message) : wrong(held.message, next);
}

function timer({ config, host }: Patient): Verdict {
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
