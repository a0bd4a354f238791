import type { Run } from './run.ts';

/**
 * Ubuntu's Pro client (`pro status`, `pro fix`, `pro api … reboot_required`): reads `status --verbose --format json`,
 * by exact keys, with the exact types or not at all.
 */

/** What it takes from Status[0]. */
export interface ProStatus {
  kernel: string | undefined;
  state: string | undefined;
  version: string | undefined;
  fixes: { name: string | undefined; patched: boolean | undefined }[] | undefined;
  supported: string | undefined;
}

class WrongType extends Error {}

/** @returns undefined for a machine that is not enabled, and for what it cannot understand, of which it logs a warning. */
export function proStatus({ exitStatus, stderr, stdout }: Run): ProStatus | undefined {
  if (exitStatus !== 0) {
    if (stderr.includes('Machine is not enabled')) return undefined;
    throw new Error(stderr);
  }
  try {
    const status = list(object(JSON.parse(stdout)).Status);
    if (status === undefined || status.length === 0) return undefined;
    // Elements are checked before the first is picked.
    return status.map(oneStatus)[0];
  } catch (error) {
    if (error instanceof WrongType || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function oneStatus(value: unknown): ProStatus {
  const { Kernel, Livepatch, Supported } = object(value);
  const livepatch = Livepatch === undefined ? {} : object(Livepatch);
  return {
    kernel: text(Kernel),
    state: text(livepatch.State),
    version: text(livepatch.Version),
    fixes: list(livepatch.Fixes)?.map((fix) => {
      const { Name, Patched } = object(fix);
      return { name: text(Name), patched: truth(Patched) };
    }),
    supported: text(Supported),
  };
}

/** `pro fix CVE-…`: the version that fixes it, when a live patch does. */
export function proFixedBy(status: ProStatus | undefined, cve: string): string | undefined {
  const fix = status?.fixes?.find(({ name, patched }) => name === cve.toLowerCase() && patched);
  return fix && (status?.version || 'N/A');
}

/** While packages of the kernel, and of nothing else, ask for a reboot. */
export function proReboot(
  status: ProStatus | undefined,
  runningKernel: string,
): 'yes' | 'yes-kernel-livepatches-applied' {
  const canWait =
    status?.kernel === runningKernel &&
    (status.state === 'applied' || status.state === 'nothing-to-apply') &&
    status.supported === 'supported';
  return canWait ? 'yes-kernel-livepatches-applied' : 'yes';
}

/** `pro status`: what it warns of. */
export function proWarning(status: ProStatus | undefined): string | undefined {
  return ['unsupported', 'kernel-end-of-life', 'kernel-upgrade-required'].find(
    (one) => one === status?.supported,
  );
}

/** `pro config`: one option out of `canonical-livepatch config`. */
export function proConfigOption(stdout: string, key: string): string | undefined {
  const value = new RegExp(`^${key}: (.*)$`, 'm').exec(stdout)?.[1];
  return value?.replace(/"(.*)"/, '$1').trim() || undefined;
}

function object(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new WrongType();
  return value as Record<string, unknown>;
}

function list(value: unknown): unknown[] | undefined {
  if (value !== undefined && !Array.isArray(value)) throw new WrongType();
  return value;
}

function text(value: unknown): string | undefined {
  if (value !== undefined && typeof value !== 'string') throw new WrongType();
  return value;
}

function truth(value: unknown): boolean | undefined {
  if (value !== undefined && typeof value !== 'boolean') throw new WrongType();
  return value;
}
