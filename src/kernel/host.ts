import { run } from '../programs.ts';
import { missingPlugs } from '../snapd/plugs.ts';
import { inSnap, snapctl } from '../snapd/snapctl.ts';

/** The system around us: who runs us, what snapd lets us do, whether a timer is set. Undefined is what is not known. */
export interface Host {
  isRoot: boolean;
  /** The plugs that patching needs and that are not connected; undefined outside a snap. */
  missingPlugs: string[] | undefined;
  timer: boolean | undefined;
}

/** It answers at once, or is stuck. */
const PATIENCE = 5000;

export async function readHost(): Promise<Host> {
  return {
    isRoot: process.getuid?.() === 0,
    missingPlugs: await missingPlugs(),
    timer: inSnap ? await timerOfSnap() : await timerOfSystemd(),
  };
}

/** snapd notes a service that a timer starts. */
async function timerOfSnap(): Promise<boolean | undefined> {
  const { ok, stdout } = await snapctl('services');
  return ok ? /\benabled\b.*\btimer-activated\b/.test(stdout) : undefined;
}

async function timerOfSystemd(): Promise<boolean | undefined> {
  const list = ['list-units', '--type=timer', '--state=active', '--plain', '--no-legend'];
  const { ok, stdout } = await run('systemctl', [...list, '*canonical-livepatch*'], { timeout: PATIENCE });
  return ok ? stdout !== '' : undefined;
}
