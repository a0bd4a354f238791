import { LivepatchError } from '../../errors.ts';
import { type DiagnosticContext, ok, unknown, type Verdict, wrong } from './diagnostic.ts';

export function root({ host }: DiagnosticContext): Verdict {
  return host.isRoot
    ? ok('this runs as root')
    : wrong(
        'this does not run as root, so that some checks below say little',
        "Run 'sudo canonical-livepatch doctor'.",
      );
}

export function kernelSupport({ livePatches, context }: DiagnosticContext): Verdict {
  const { kernel } = context.kernel.machine();
  if (livePatches !== undefined) return ok(`${kernel} can be live-patched (CONFIG_LIVEPATCH)`);
  return wrong(
    `${kernel} shows no /sys/kernel/livepatch: it was built without CONFIG_LIVEPATCH, or it is hidden from us`,
    'Boot a kernel that can be live-patched; in a snap, connect its interfaces first.',
  );
}

export function moduleLoading({ security }: DiagnosticContext): Verdict {
  if (security.modulesDisabled === undefined)
    return unknown('whether modules can be loaded may not be read here');
  if (!security.modulesDisabled) return ok('modules can be loaded');
  return wrong(
    'loading modules is switched off until the next boot',
    'Find what writes 1 to /proc/sys/kernel/modules_disabled, such as a file in /etc/sysctl.d, and reboot.',
  );
}

/** Under Secure Boot or lockdown the kernel takes only modules whose signer it knows itself. */
export function secureBoot({ config, security, context }: DiagnosticContext): Verdict {
  const { lockdown, secureBoot: on } = security;
  if (on === undefined && lockdown === undefined)
    return unknown('neither Secure Boot nor lockdown may be read here');
  const state = `Secure Boot is ${on ? 'on' : 'off'}, lockdown is ${lockdown ?? 'not built in'}`;
  if (!on && (lockdown === undefined || lockdown === 'none')) return ok(state);
  const enforced = `${state}: the kernel takes only modules that are signed with a key it knows`;
  if (config instanceof LivepatchError || config.signingCerts === '') {
    return context.store.shippedCertificates().length > 0
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

export function taint({ security }: DiagnosticContext): Verdict {
  const { tainted } = security;
  if (tainted === undefined) return unknown('the taint may not be read here');
  const reasons = Object.entries(BAD_TAINT).flatMap(([bit, reason]) =>
    tainted & (1 << Number(bit)) ? reason : [],
  );
  if (reasons.length === 0) return ok('the kernel has no fault on record');
  return wrong(`since this boot: ${reasons.join(', ')}`, "Look into 'sudo dmesg', and reboot when you can.");
}

export function confinement({ host }: DiagnosticContext): Verdict {
  if (host.missingPlugs === undefined) return ok('this is no snap, so nothing confines it');
  if (host.missingPlugs.length === 0) return ok('the snap has the permissions it needs');
  const connect = host.missingPlugs.map((plug) => `sudo snap connect canonical-livepatch:${plug}`);
  return wrong(
    `the snap is not connected to ${host.missingPlugs.join(', ')}`,
    `Run '${connect.join(' && ')}'.`,
  );
}
