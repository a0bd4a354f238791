import { LivepatchError } from '../../errors.ts';
import type { KernelSecurity } from '../../kernel/security.ts';
import { type DiagnosticContext, failed, ok, unknown, type Verdict, wrong } from './diagnostic.ts';

export function root({ host }: DiagnosticContext): Verdict {
  return host.isRoot
    ? ok('running as root')
    : wrong('not running as root, so some checks below say little', "Run 'sudo canonical-livepatch doctor'.");
}

/** The kill switch is deliberate, and still the first thing to know of a machine that is not patched. */
export function mode({ mode: { apply, contact, sources } }: DiagnosticContext): Verdict {
  const where = sources.join(' and ');
  if (apply && contact) return ok(where === '' ? 'the kill switch is off' : `normal, set in ${where}`);
  const off = [...(contact ? [] : ['nobody is contacted']), ...(apply ? [] : ['nothing is applied'])];
  return wrong(
    `canonical_livepatch_mode, set in ${where}: ${off.join(' and ')}`,
    'Remove it there when it is no longer wanted; on the kernel command line, that takes a reboot.',
  );
}

export function machine({ machine: found }: DiagnosticContext): Verdict {
  if (found instanceof LivepatchError) return failed(found, 'Correct it.');
  return ok(`${found.architecture}, with an id of its own`);
}

export function kernelSupport({ machine: found, security }: DiagnosticContext): Verdict {
  const kernel = found instanceof LivepatchError ? 'this kernel' : found.kernel;
  switch (security.livePatching) {
    case 'available':
      return ok(`${kernel} can be live-patched (CONFIG_LIVEPATCH)`);
    case 'not-built-in':
      return wrong(
        `${kernel} was built without live patching (CONFIG_LIVEPATCH)`,
        'Boot a kernel that can be live-patched.',
      );
    case 'not-mounted':
      return wrong(
        '/sys is not mounted, so that live patches cannot be seen',
        "Run 'sudo mount -t sysfs sysfs /sys'; in a container, use the host.",
      );
    case 'forbidden':
      return wrong(
        '/sys/kernel/livepatch may not be read here',
        "In a snap: 'sudo snap connect canonical-livepatch:sys-kernel-livepatch'.",
      );
  }
}

/** What each of them forbids looks the same to insmod: EPERM. */
export function moduleLoading({ host, security }: DiagnosticContext): Verdict {
  if (security.modulesDisabled) {
    return wrong(
      'loading modules is switched off until the next boot',
      'Find what writes 1 to /proc/sys/kernel/modules_disabled, such as a file in /etc/sysctl.d, and reboot.',
    );
  }
  if (host.isRoot && security.capSysModule === false) {
    return wrong(
      'this process may not load modules (CAP_SYS_MODULE), as in a container',
      'Run it on the host: a container shares the kernel of its host.',
    );
  }
  if (security.modulesDisabled === undefined || security.capSysModule === undefined)
    return unknown('whether modules can be loaded may not be read here');
  if (!host.isRoot) return unknown('they can be loaded, by root');
  return ok('modules can be loaded');
}

/** The kernel replaces functions by means of ftrace. */
export function tracing({ security }: DiagnosticContext): Verdict {
  if (security.ftraceEnabled === undefined) return unknown('whether ftrace is on may not be read here');
  if (security.ftraceEnabled) return ok('ftrace is on, which replaces functions');
  return wrong(
    'ftrace is switched off, without which no function can be replaced',
    "Run 'sudo sysctl kernel.ftrace_enabled=1', and find what sets it to 0, such as a file in /etc/sysctl.d.",
  );
}

/** Not wrong by itself: whether a patch replaces one of them shows when it is inserted. */
export function probes({ security: { probed } }: DiagnosticContext): Verdict {
  if (probed === undefined) return unknown('whether kprobes are set may not be read here');
  if (probed.length === 0) return ok('no tracer has a kprobe set');
  return unknown(
    `a tracer has kprobes on ${probed.slice(0, 5).join(', ')}${probed.length > 5 ? ' and others' : ''}`,
    'A patch that replaces one of these functions can only be applied when the tracer has been stopped.',
  );
}

function isEnforced({ lockdown, sigEnforce }: KernelSecurity): boolean {
  return sigEnforce === true || (lockdown !== undefined && lockdown !== 'none');
}

/** Under Secure Boot, lockdown or sig_enforce the kernel takes only modules whose signer it knows itself. */
export function secureBoot({ config, security, context }: DiagnosticContext): Verdict {
  const { lockdown, secureBoot: on, sigEnforce } = security;
  if (on === undefined && lockdown === undefined && sigEnforce === undefined)
    return unknown('neither Secure Boot nor lockdown nor module.sig_enforce may be read here');
  const state = [
    `Secure Boot is ${on === undefined ? 'not to be read' : onOff(on)}`,
    `lockdown is ${lockdown ?? 'not built in'}`,
    ...(sigEnforce === undefined ? [] : [`module.sig_enforce is ${onOff(sigEnforce)}`]),
  ].join(', ');
  if (!on && !isEnforced(security)) return ok(state);
  const enforced = `${state}: the kernel takes only modules that are signed with a key it knows`;
  if (config instanceof LivepatchError || config.signingCerts === '') {
    return context.store.shippedCertificates().length > 0
      ? ok(`${enforced}, as the vendor's patches are`)
      : ok(enforced);
  }
  return unknown(
    `${enforced}; whether it knows yours (signing-certs) shows when a patch is inserted`,
    "Enrol the certificate of signing-certs: 'openssl x509 -in cert.pem -outform DER -out cert.der', 'sudo mokutil --import cert.der', reboot, and confirm at the console.",
  );
}

const onOff = (on: boolean) => (on ? 'on' : 'off');

/** Where signatures are not enforced, the kernel takes a module that it cannot check. */
export function digest({ host, security }: DiagnosticContext): Verdict {
  if (security.digestAvailable === undefined)
    return unknown('which digests the kernel has may not be read here');
  if (security.digestAvailable) return ok('the kernel has SHA-512, with which patches are signed');
  const found = 'the kernel has no SHA-512 loaded, with which patches are signed';
  if (!isEnforced(security)) return ok(`${found}; it does not insist on signatures`);
  const next = "Run 'sudo modprobe sha512_generic'; to have it at each boot, name it in /etc/modules-load.d.";
  // Outside a snap we load it before the patch.
  return host.missingPlugs === undefined ? unknown(found, next) : wrong(found, next);
}

/** Bits that say that the kernel's memory may no longer be what a patch was tested on. */
const FAULTS = {
  1: 'a module was forced in',
  3: 'a module was forced out',
  4: 'a processor reported an error',
  7: 'the kernel has crashed in part (oops)',
};
/** Bits that say what it is, and no more; 15 is our own patch. */
const REMARKS = {
  12: 'a module that is not of the kernel is loaded',
  13: 'a module without a known signature was loaded',
};

/** Documentation/admin-guide/tainted-kernels.rst */
export function taint({ security }: DiagnosticContext): Verdict {
  const { tainted } = security;
  if (tainted === undefined) return unknown('the taint may not be read here');
  const inWords = (bits: Record<string, string>) =>
    Object.entries(bits).flatMap(([bit, words]) => (tainted & (1 << Number(bit)) ? words : []));
  const faults = inWords(FAULTS);
  if (faults.length > 0) {
    return wrong(`since this boot: ${faults.join(', ')}`, "Look into 'sudo dmesg', and reboot when you can.");
  }
  const remarks = inWords(REMARKS);
  return ok(['the kernel has no fault on record', ...remarks].join('; '));
}

export function confinement({ host }: DiagnosticContext): Verdict {
  if (host.missingPlugs === undefined) return ok('not running as a snap');
  if (host.missingPlugs.length === 0) return ok('the snap has the permissions it needs');
  const connect = host.missingPlugs.map((plug) => `sudo snap connect canonical-livepatch:${plug}`);
  return wrong(
    `the snap is not connected to ${host.missingPlugs.join(', ')}`,
    `Run '${connect.join(' && ')}'.`,
  );
}
