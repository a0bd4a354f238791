import { LivepatchError } from '../errors.ts';
import type { Machine, Mode } from '../types.ts';
import type { Holding } from './identity.ts';

/** The errors that a decision can end in: what is in the way, and what to do about it. */

/** The one sentence that other programs match on most. */
export function notEnabled(): LivepatchError {
  return new LivepatchError(
    'not-enabled',
    "Machine is not enabled. Please run 'sudo canonical-livepatch enable' with the\ntoken obtained from https://ubuntu.com/livepatch.",
  );
}

export function alreadyEnabled(): LivepatchError {
  return new LivepatchError(
    'already-enabled',
    "Machine-token already exists! Please use 'disable' to delete existing machine-token.",
  );
}

export function modeForbids(mode: Mode): string {
  return `canonical_livepatch_mode, set in ${mode.sources.join(' and ')}, forbids to apply anything`;
}

export function heldBack(mode: Mode): LivepatchError {
  const what = mode.contact ? 'from applying anything' : 'from contacting the server';
  return new LivepatchError('config', `canonical_livepatch_mode keeps this machine ${what}`, {
    hint: `It is set in ${mode.sources.join(' and ')}; remove it there when it is no longer wanted.`,
  });
}

/** @param who says that the kernel cannot be patched. */
export function unsupported({ architecture, kernel }: Machine, who: 'kernel' | 'server'): LivepatchError {
  const reason =
    who === 'kernel'
      ? `${kernel} was built without live patching (CONFIG_LIVEPATCH), or hides it`
      : `${kernel} on ${architecture} is not covered`;
  return new LivepatchError('unsupported-kernel', `unsupported kernel: ${reason}`, {
    hint:
      who === 'kernel'
        ? "'sudo canonical-livepatch doctor' tells which; if it was, boot another kernel."
        : 'Boot a kernel that your Livepatch server covers, or ask its administrators to cover this one.',
  });
}

/** A cumulative patch would take somebody else's out of use without asking. */
export function foreignPatches(foreign: readonly Holding[]): LivepatchError {
  return new LivepatchError(
    'kernel-refused',
    `a live patch that is not ours is in the kernel: ${namesOf(foreign)}`,
    {
      hint: "Find out where it comes from. If it is to go, or if this client put it there and its state was lost, 'sudo canonical-livepatch revert --all' takes every live patch out; then refresh.",
    },
  );
}

export function nothingToRevert(foreign: readonly Holding[]): LivepatchError {
  if (foreign.length === 0)
    return new LivepatchError('general', 'there is no live patch of ours in the kernel');
  return new LivepatchError(
    'general',
    `there is no live patch of ours in the kernel; not ours: ${namesOf(foreign)}`,
    { hint: "'sudo canonical-livepatch revert --all' takes every live patch out." },
  );
}

function namesOf(holdings: readonly Holding[]): string {
  return holdings.map(({ module }) => module.name).join(', ');
}
