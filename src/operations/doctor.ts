import { LivepatchError } from '../errors.ts';
import type { Config, Finding } from '../types.ts';
import {
  asFailure,
  attempt,
  type Check,
  type DiagnosticContext,
  failed,
  type Verdict,
} from './checks/diagnostic.ts';
import { certificates, configuration, disk, files } from './checks/files.ts';
import { confinement, kernelSupport, moduleLoading, root, secureBoot, taint } from './checks/kernel.ts';
import { clock, dns, proxy, server, tls } from './checks/network.ts';
import { lastCheck, patch, timer, token } from './checks/patching.ts';
import type { Context } from './context.ts';

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
export async function doctor(context: Context): Promise<Finding[]> {
  const config = attempt(() => context.store.config.read());
  const diagnosed: DiagnosticContext = {
    context,
    host: await context.kernel.host(),
    security: context.kernel.security(),
    livePatches: context.kernel.look([]).livePatches,
    config,
    state: attempt(() => context.store.state.read()),
    server: config instanceof LivepatchError ? 'not asked' : await askServer(context, config),
  };
  const findings: Finding[] = [];
  for (const [check, look] of Object.entries(CHECKS)) {
    findings.push({ check, ...(await verdictOf(look, diagnosed)) });
  }
  return findings;
}

/** A check that fails has found something: a proxy in the environment, say, that is none. */
async function verdictOf(look: Check, diagnosed: DiagnosticContext): Promise<Verdict> {
  try {
    return await look(diagnosed);
  } catch (error) {
    return failed(asFailure(error), 'Correct it.');
  }
}

async function askServer(context: Context, config: Config): Promise<DiagnosticContext['server']> {
  context.progress(`asking ${config.remoteServer.origin}`);
  try {
    await (await context.connect(config)).registry?.support(context.kernel.machine());
    return 'answered';
  } catch (error) {
    return asFailure(error);
  }
}
