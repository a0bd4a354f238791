import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LivepatchError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { environmentUnder } from './environment.ts';
import { pollUntil } from './wait.ts';

/**
 * kmod always exits 1; only its text, in the C locale, tells one errno from another. What each means for a person
 * who reads it (kernel/module/main.c, kernel/livepatch/core.c).
 */
const REFUSALS: readonly { text: string; hint: string }[] = [
  {
    text: 'Operation not permitted',
    hint: 'Loading modules is switched off (modules_disabled or lockdown).',
  },
  {
    text: 'Key was rejected by service',
    hint: "Secure Boot accepts no module with this signing key; enrol the key's certificate, or see 'mokutil'.",
  },
  {
    text: 'Required key not available',
    hint: "Secure Boot accepts no module with this signing key; enrol the key's certificate, or see 'mokutil'.",
  },
  { text: 'Invalid module format', hint: 'The module was built for another kernel.' },
  { text: 'File exists', hint: 'A module of this name is loaded already; it must be unloaded first.' },
  {
    text: 'Device or resource busy',
    hint: 'Another live patch was in transition all the time; try again later.',
  },
];

const BUSY = 'Device or resource busy';
const MORE = "See 'sudo dmesg' for the kernel's reason.";

/**
 * Inserts the module that this open descriptor holds. Never with `-f`: the kernel would take it for unsigned.
 * Tries again while another patch is in transition, for the kernel allows one at a time.
 * @throws LivepatchError `kernel-refused`
 */
export async function insertModule(root: string, fd: number): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    // By descriptor, not by path: what was verified is what is loaded.
    const refusal = await kmod(root, 'insmod', `/proc/${process.pid}/fd/${fd}`);
    if (refusal === undefined) return;
    if (!refusal.includes(BUSY) || attempt === LIMITS.kernel.busyRetries) throw refused('insert', refusal);
    await sleep(LIMITS.kernel.busyPause);
  }
}

/**
 * Unloads a module once nothing refers to it.
 * @throws LivepatchError `kernel-refused`
 */
export async function removeModule(root: string, name: string): Promise<void> {
  const free = await pollUntil(() => !moduleRefcount(root, name), LIMITS.kernel.refcountTime);
  if (moduleRefcount(root, name) === undefined) return;
  const refusal = free ? await kmod(root, 'rmmod', name) : `${name} is still in use`;
  if (refusal !== undefined && moduleRefcount(root, name) !== undefined) throw refused('unload', refusal);
}

/** The names of all modules that carry the kernel's mark of a live patch (TAINT_LIVEPATCH, K). */
export function livePatchModules(root: string): string[] {
  const directory = join(root, 'sys/module');
  return existsSync(directory)
    ? readdirSync(directory).filter((name) => taintOf(root, name).includes('K'))
    : [];
}

/** @returns nothing for what is built in, or gone meanwhile. */
function taintOf(root: string, name: string): string {
  try {
    return readFileSync(join(root, 'sys/module', name, 'taint'), 'utf8');
  } catch {
    return '';
  }
}

/** The section as the module's file had it (kernel/module/sysfs.c, add_notes_attrs). */
export function moduleBuildId(root: string, name: string): string | undefined {
  try {
    return readFileSync(join(root, 'sys/module', name, 'notes/.note.gnu.build-id')).toString('hex');
  } catch {
    return undefined;
  }
}

/** @returns undefined when no such module is loaded. */
export function moduleRefcount(root: string, name: string): number | undefined {
  const directory = join(root, 'sys/module', name);
  if (!existsSync(directory)) return undefined;
  try {
    return Number(readFileSync(join(directory, 'refcnt'), 'utf8'));
  } catch {
    // Gone between the two looks.
    return undefined;
  }
}

/** @returns what kmod says against it, or undefined when it was done. */
async function kmod(root: string, verb: 'insmod' | 'rmmod', operand: string): Promise<string | undefined> {
  const { execa } = await import('execa');
  const { exitCode, stderr, originalMessage } = await execa(verb, [operand], {
    env: environmentUnder(root),
    extendEnv: false,
    stdin: 'ignore',
    reject: false,
    timeout: LIMITS.kernel.commandTime,
  });
  return exitCode === 0 ? undefined : stderr || originalMessage || `${verb} ended without a word`;
}

function refused(what: 'insert' | 'unload', text: string): LivepatchError {
  const known = REFUSALS.find((refusal) => text.includes(refusal.text));
  const reason = known?.text ?? text.split('\n', 1)[0]?.slice(0, 200) ?? '';
  return new LivepatchError('kernel-refused', `the kernel refuses to ${what} the module: ${reason}`, {
    hint: known?.hint ?? MORE,
  });
}
