import { expect, it } from 'vitest';
import type { LivepatchError } from '../../src/errors.ts';
import type { Holding } from '../../src/policy/identity.ts';
import {
  alreadyEnabled,
  foreignPatches,
  heldBack,
  modeForbids,
  notEnabled,
  nothingToRevert,
  unsupported,
} from '../../src/policy/refusals.ts';
import type { Mode } from '../../src/types.ts';
import { MACHINE } from './situation.ts';

const mode: Mode = { apply: false, contact: false, sources: ['the command line', '/a'] };
const foreign = ['kpatch_x', 'kpatch_y'].map((name): Holding => ({ module: { name } }) as Holding);

/** Other programs match on some of these, and people act on all of them. */
it.each<[error: () => LivepatchError, code: string, message: string, hint?: string]>([
  [
    () => notEnabled(),
    'not-enabled',
    "Machine is not enabled. Please run 'sudo canonical-livepatch enable' with the\ntoken obtained from https://ubuntu.com/livepatch.",
  ],
  [
    () => alreadyEnabled(),
    'already-enabled',
    "Machine-token already exists! Please use 'disable' to delete existing machine-token.",
  ],
  [
    () => heldBack(mode),
    'config',
    'canonical_livepatch_mode keeps this machine from contacting the server',
    'It is set in the command line and /a; remove it there when it is no longer wanted.',
  ],
  [
    () => heldBack({ ...mode, contact: true }),
    'config',
    'canonical_livepatch_mode keeps this machine from applying anything',
    'It is set in the command line and /a; remove it there when it is no longer wanted.',
  ],
  [
    () => unsupported(MACHINE, 'kernel'),
    'unsupported-kernel',
    `unsupported kernel: ${MACHINE.kernel} was built without live patching (CONFIG_LIVEPATCH), or hides it`,
    "'sudo canonical-livepatch doctor' tells which; if it was, boot another kernel.",
  ],
  [
    () => unsupported(MACHINE, 'server'),
    'unsupported-kernel',
    `unsupported kernel: ${MACHINE.kernel} on ${MACHINE.architecture} is not covered`,
    'Boot a kernel that your Livepatch server covers, or ask its administrators to cover this one.',
  ],
  [
    () => foreignPatches(foreign),
    'kernel-refused',
    'a live patch that is not ours is in the kernel: kpatch_x, kpatch_y',
    "Find out where it comes from. If it is to go, or if this client put it there and its state was lost, 'sudo canonical-livepatch revert --all' takes every live patch out; then refresh.",
  ],
  [() => nothingToRevert([]), 'general', 'there is no live patch of ours in the kernel'],
  [
    () => nothingToRevert(foreign),
    'general',
    'there is no live patch of ours in the kernel; not ours: kpatch_x, kpatch_y',
    "'sudo canonical-livepatch revert --all' takes every live patch out.",
  ],
])('%s', (error, code, message, hint) => expect(error()).toMatchObject({ code, message, hint }));

it('says what forbids to apply anything', () => {
  expect(modeForbids(mode)).toBe(
    'canonical_livepatch_mode, set in the command line and /a, forbids to apply anything',
  );
});
