/** The system around us: who runs us, what snapd lets us do, whether a timer is set. Undefined is what is not known. */
export interface Host {
  isRoot: boolean;
  /** The interfaces that patching needs and the snap does not have; undefined outside a snap. */
  missingInterfaces: string[] | undefined;
  timer: boolean | undefined;
}

/** Plugs of the snap; both are connected by hand, or by the store's assertion. */
const INTERFACES = ['kernel-module-control', 'sys-kernel-livepatch'];
/** Both answer at once, or are stuck. */
const PATIENCE = 5000;

export async function readHost(env: NodeJS.ProcessEnv): Promise<Host> {
  const inSnap = env.SNAP !== undefined;
  return {
    isRoot: process.getuid?.() === 0,
    missingInterfaces: inSnap ? await missingInterfaces() : undefined,
    timer: inSnap ? await timerOfSnap() : await timerOfSystemd(),
  };
}

/** `snapctl is-connected` ends with 0 for a plug that is connected. */
async function missingInterfaces(): Promise<string[]> {
  const missing: string[] = [];
  for (const plug of INTERFACES) {
    if ((await ask('snapctl', ['is-connected', plug])) === undefined) missing.push(plug);
  }
  return missing;
}

/** snapd notes a service that a timer starts. */
async function timerOfSnap(): Promise<boolean | undefined> {
  const services = await ask('snapctl', ['services']);
  return services === undefined ? undefined : /\benabled\b.*\btimer-activated\b/.test(services);
}

async function timerOfSystemd(): Promise<boolean | undefined> {
  const list = ['list-units', '--type=timer', '--state=active', '--plain', '--no-legend'];
  const timers = await ask('systemctl', [...list, '*canonical-livepatch*']);
  return timers === undefined ? undefined : timers !== '';
}

/** @returns what a command prints, or undefined when it fails or is not there. */
async function ask(command: string, words: string[]): Promise<string | undefined> {
  const { execa } = await import('execa');
  const { exitCode, stdout } = await execa(command, words, {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', ...snapCookie() },
    extendEnv: false,
    stdin: 'ignore',
    reject: false,
    timeout: PATIENCE,
  });
  return exitCode === 0 ? stdout : undefined;
}

/** snapd knows a caller of snapctl by this; it opens nothing else. */
function snapCookie(): NodeJS.ProcessEnv {
  const { SNAP_COOKIE, SNAP_CONTEXT } = process.env;
  return {
    ...(SNAP_COOKIE === undefined ? {} : { SNAP_COOKIE }),
    ...(SNAP_CONTEXT === undefined ? {} : { SNAP_CONTEXT }),
  };
}
