import type { lookUp } from '../source/look-up.ts';
import type { Finding } from '../types.ts';
import {
  asFailure,
  attempt,
  type Check,
  type DiagnosticContext,
  failed,
  type Verdict,
} from './checks/diagnostic.ts';
import { certificates, configuration, disk, files, otherRun, stateFile } from './checks/files.ts';
import {
  confinement,
  digest,
  kernelSupport,
  machine,
  mode,
  moduleLoading,
  probes,
  root,
  secureBoot,
  taint,
  tracing,
} from './checks/kernel.ts';
import { clock, coverage, dns, proxy, server, tls } from './checks/network.ts';
import { lastCheck, otherPatches, patch, refusedModules, timer, token } from './checks/patching.ts';
import { reach } from './checks/reach.ts';
import type { Context } from './context.ts';

/** What usually goes wrong, from the machine outwards. */
const CHECKS: Record<string, Check> = {
  root,
  mode,
  machine,
  kernel: kernelSupport,
  modules: moduleLoading,
  tracing,
  probes,
  'Secure Boot': secureBoot,
  digest,
  taint,
  confinement,
  'other live patches': otherPatches,
  'refused modules': refusedModules,
  configuration,
  certificates,
  files,
  disk,
  state: stateFile,
  'other run': otherRun,
  clock,
  DNS: dns,
  proxy,
  TLS: tls,
  server,
  coverage,
  token,
  'last check': lastCheck,
  patch,
  timer,
};

/**
 * Examines this machine in less than 10 s, whatever does not answer. Changes nothing but for a file that it writes and
 * removes again. Asks a server one question, without a token, and a catalogue for what a check takes; with the kill
 * switch on, nobody.
 */
export async function doctor(context: Context, look?: typeof lookUp): Promise<Finding[]> {
  const { kernel, store } = context;
  const subject = {
    config: attempt(() => store.config.read()),
    machine: attempt(() => kernel.machine()),
    mode: kernel.mode(),
  };
  const [host, network] = await Promise.all([kernel.host(), reach(context, subject, look)]);
  const diagnosed: DiagnosticContext = {
    context,
    ...subject,
    host,
    network,
    security: kernel.security(),
    kernel: kernel.look(kernel.modules()),
    state: attempt(() => store.state.read()),
  };
  const findings: Finding[] = [];
  for (const [check, examine] of Object.entries(CHECKS)) {
    findings.push({ check, ...(await verdictOf(examine, diagnosed)) });
  }
  return findings;
}

/** A check that fails has found something. */
async function verdictOf(examine: Check, diagnosed: DiagnosticContext): Promise<Verdict> {
  try {
    return await examine(diagnosed);
  } catch (error) {
    return failed(asFailure(error), "Run it again with 'sudo', with '--debug' for the cause.");
  }
}
