import { LivepatchError } from '../errors.ts';
import { snapFrom } from '../snapd/environment.ts';
import { printable } from '../text.ts';
import { isInTransition } from './livepatches.ts';
import type { LogRecord } from './log.ts';

import { type KernelSecurity, probedFunctions, readSecurity } from './security.ts';

/** What was to be done, what the kernel said of it, and what is known of the kernel. */
interface Refusal {
  root: string;
  /** Where the signer's certificate lies as DER, which is all that mokutil takes. */
  certificate?: string | undefined;
  /** What the kernel logged meanwhile, as far as it is about this. */
  reasons: readonly string[];
  security: KernelSecurity;
}

const MORE = "See 'sudo dmesg' for the kernel's reason.";
const NO_DIGEST =
  'The kernel has no SHA-512 at hand, so that it cannot check the signature. ' +
  "Run 'sudo modprobe sha512_generic' and try again.";

/**
 * kmod always exits 1; only its text, in the C locale, tells one errno from another. What each means for a person
 * who reads it (kernel/module/main.c, kernel/livepatch/core.c).
 */
const HINTS: Readonly<Record<string, string | ((refusal: Refusal) => string)>> = {
  'Operation not permitted': notPermitted,
  'Key was rejected by service': signatureRefused,
  'Required key not available': signatureRefused,
  'Bad message': 'The signature is damaged: the kernel cannot read it.',
  'Package not installed': signatureRefused,
  'Invalid module format': 'The module was built for another kernel.',
  'File exists': "A module of this name is loaded already: unload it with 'sudo rmmod', or reboot.",
  'Device or resource busy': busy,
  'Invalid parameters': invalid,
  'Invalid argument': invalid,
  'Unknown symbol in module': 'The module was built for another kernel, or for a module that is not loaded.',
  'No such device': 'A callback of the patch refused: something that it asks of this machine is not so.',
  'Cannot allocate memory': 'Free some memory, and try again.',
};

const BUSY = 'Device or resource busy';

export function isBusy(text: string): boolean {
  return text.includes(BUSY);
}

/**
 * @param text what kmod said.
 * @param records what the kernel said meanwhile.
 * @param certificate the signer's, as a file in DER, where there is one.
 */
export function insertionRefused(
  root: string,
  text: string,
  records: readonly LogRecord[],
  certificate?: string,
): LivepatchError {
  const refusal: Refusal = { root, certificate, reasons: reasonsIn(records), security: readSecurity(root) };
  const errno = Object.keys(HINTS).find((known) => text.includes(known));
  const hint = errno === undefined ? MORE : HINTS[errno];
  const what = [errno ?? withoutPaths(text), ...refusal.reasons].join('; ');
  return new LivepatchError('kernel-refused', `the kernel refuses to insert the module: ${what}`, {
    hint: typeof hint === 'function' ? hint(refusal) : (hint ?? MORE),
  });
}

export function removalRefused(root: string, text: string): LivepatchError {
  const isForbidden = text.includes('Operation not permitted');
  const hint = isForbidden ? notPermitted({ root, reasons: [], security: readSecurity(root) }) : MORE;
  const what = isForbidden ? 'Operation not permitted' : withoutPaths(text);
  return new LivepatchError('kernel-refused', `the kernel refuses to unload the module: ${what}`, { hint });
}

/**
 * Records that say why a module was not taken (kernel/module/main.c, signing.c, kernel/livepatch/core.c, patch.c). Only
 * names of functions, modules and symbols are in them.
 */
const REASONS: readonly RegExp[] = [
  /^livepatch: (symbol '[^']+' not found in symbol table)$/,
  /^livepatch: (unresolvable ambiguity for symbol '[^']+' in object '[^']+')$/,
  /^livepatch: (symbol position \d+ for symbol '[^']+' in object '[^']+' not found)$/,
  /^livepatch: (Livepatch patch \([^)]+\) is not compatible with the already installed livepatches)\.$/,
  /^livepatch: (pre-patch callback failed for object '[^']+')$/,
  /^livepatch: (failed to (?:set ftrace filter|register ftrace handler|find location) for function '[^']+')/,
  /^livepatch: (kallsyms size lookup failed for '[^']+'(?: replacement)?)$/,
  /^livepatch: (module \S+ is not marked as a livepatch module)$/,
  /^(Loading of (?:unsigned module|module with (?:unavailable key|unsupported crypto)) is rejected)$/,
  /^Lockdown: \S+: (\S.{0,80} is restricted); see man kernel_lockdown\.7$/,
  /^[\w-]+: (Unknown symbol \S+ \(err -\d+\))$/,
  /^[\w-]+: (disagrees about version of symbol \S+)$/,
  /^[\w-]+: (version magic '[^']{1,120}' should be '[^']{1,120}')$/,
  /^[\w-]+: (module is already loaded)$/,
];

/** The most that a person needs to see. */
const MOST_REASONS = 3;

function reasonsIn(records: readonly LogRecord[]): string[] {
  const kernels = records.filter(({ facility }) => facility === 0);
  const reasons = kernels.flatMap(({ text }) => {
    const reason = REASONS.map((pattern) => pattern.exec(text)?.[1]).find((found) => found !== undefined);
    return reason === undefined ? [] : printable(reason, 200);
  });
  return [...new Set(reasons)].slice(0, MOST_REASONS);
}

/** `insmod: ERROR: could not insert module /proc/17/fd/20: Something` is about no file that a person knows. */
function withoutPaths(text: string): string {
  const line = text.split('\n', 1)[0] ?? '';
  return printable(line.replace(/^.*: ERROR: /, '').replace(/^.*\/proc\/\d+\/fd\/\d+: /, ''), 200);
}

function notPermitted(refusal: Refusal): string {
  const { security } = refusal;
  if (security.modulesDisabled === true) {
    return 'Loading and unloading modules is switched off (kernel.modules_disabled) until the next boot.';
  }
  if (security.capSysModule === false) {
    return 'This process may not load or unload modules (CAP_SYS_MODULE), as in a container: run it on the host.';
  }
  if (security.lockdown === 'integrity' || security.lockdown === 'confidentiality') return enrol(refusal);
  return 'Something forbids it, such as a security module (AppArmor, SELinux): see its log.';
}

function enrol({ certificate }: Refusal): string {
  const steps =
    certificate === undefined
      ? "'openssl x509 -in cert.pem -outform DER -out cert.der', 'sudo mokutil --import cert.der'"
      : `'sudo mokutil --import ${certificate}'`;
  return (
    'The kernel takes no module that is signed with this key. Enrol its certificate; with Secure Boot: ' +
    `${steps}, reboot, and confirm at the console.`
  );
}

function signatureRefused(refusal: Refusal): string {
  const { reasons, security } = refusal;
  const lacksDigest =
    security.digestAvailable === false || reasons.some((reason) => reason.includes('unsupported crypto'));
  if (!lacksDigest) return enrol(refusal);
  return snapFrom(process.env) === undefined ? NO_DIGEST : `${NO_DIGEST} A snap may not do that by itself.`;
}

function busy({ reasons, root, security }: Refusal): string {
  if (security.ftraceEnabled === false) {
    return "Function tracing is switched off: run 'sudo sysctl kernel.ftrace_enabled=1' and try again.";
  }
  const name = reasons.map((reason) => / for function '([^']+)'/.exec(reason)?.[1]).find(Boolean);
  if (name !== undefined) {
    return probedFunctions(root)?.includes(name)
      ? `A kprobe is on ${name}: stop the program that set it (a tracer), and try again.`
      : `Something else holds ${name}, such as a kprobe of a tracer: stop it, and try again.`;
  }
  if (isInTransition(root)) return 'Another live patch was in transition all the time; try again later.';
  return `Something holds a function that is to be replaced, such as a tracer. ${MORE}`;
}

function invalid({ reasons }: Refusal): string {
  if (reasons.some((reason) => reason.includes('not compatible'))) {
    return "The patch does not go together with what is in the kernel; 'sudo canonical-livepatch revert --all' takes that out, or a reboot.";
  }
  if (reasons.some((reason) => reason.includes('symbol'))) return 'The module was built for another kernel.';
  return MORE;
}
