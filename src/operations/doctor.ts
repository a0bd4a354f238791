import { LivepatchError } from '../errors.ts';
import type { Config, Finding } from '../types.ts';
import { certificates, configuration, disk, files } from './checks/files.ts';
import { confinement, kernelSupport, moduleLoading, root, secureBoot, taint } from './checks/kernel.ts';
import { clock, dns, proxy, server, tls } from './checks/network.ts';
import { lastCheck, patch, timer, token } from './checks/patching.ts';
import { asFailure, attempt, type Check, failed, type Patient, type Verdict } from './checks/diagnostic.ts';
import type { World } from './context.ts';

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
