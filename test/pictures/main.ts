import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { startSite } from '../kernel/site.ts';
import { bootVm } from '../kernel/vm.ts';
import { svgOf } from './svg.ts';

/**
 * `npm run pictures`: types a session into a terminal in the virtual machine, and draws what the terminal shows into
 * docs/pictures. Nothing of it is made up, so the pictures are made again whenever what they show has changed.
 */

const COLUMNS = 100;
/** At the speed of an emulated machine. */
const PATIENCE = 180_000;
const PROMPT = '\\[\\e[36m\\]root@guest:~#\\[\\e[0m\\] ';

const directory = join(import.meta.dirname, '../../docs/pictures');
await mkdir(directory, { recursive: true });

const site = await startSite();
/** How often the shell has asked for a command since the screen was last empty. */
let prompts = 1;
const patches = [await site.build('121.1'), await site.build('122.1')] as const;
const tokenFile = join(site.directory, 'token');
await writeFile(tokenFile, site.database.addAuthToken(), { mode: 0o600 });
const vm = await bootVm({ kernel: site.kernel });
try {
  await site.introduce(vm);
  await startTerminal();

  await site.offer('121.1', patches[0].archive);
  await type('canonical-livepatch enable - < token');
  await type('cat /proc/version');
  await site.offer('122.1', patches[1].archive);
  await type('canonical-livepatch refresh');
  await type('cat /proc/version');
  await draw(
    'session',
    'A machine is registered, its kernel is patched, and patched again, without a reboot',
  );

  await type('canonical-livepatch status');
  await draw('status', 'What canonical-livepatch status shows on a patched machine');
} finally {
  await vm.kill();
  await site.end();
}

async function inGuest(script: string): Promise<string> {
  const { stdout, stderr, exitCode } = await vm.run(script);
  if (exitCode !== 0) throw new Error(`${script}: ${stderr}`);
  return stdout;
}

/** A shell in tmux, in which the command and the token lie where a person would have them. */
async function startTerminal(): Promise<void> {
  const command = join(import.meta.dirname, '../../bin/canonical-livepatch.js');
  await inGuest(`
    mkdir -p /root /usr/local/bin
    printf '#!/bin/sh\\nexec ${command} "$@"\\n' >/usr/local/bin/canonical-livepatch
    chmod +x /usr/local/bin/canonical-livepatch
    cp /host${tokenFile} /root/token
    cat >/run/shell.rc <<'END'
PS1='${PROMPT}'
PATH=/usr/local/bin:$PATH
cd /root
END
    tmux -f /dev/null -u new-session -d -x ${COLUMNS} -y 60 env LC_ALL=C.UTF-8 TERM=screen HISTFILE=/dev/null \\
      bash --noprofile --rcfile /run/shell.rc`);
  await prompted();
}

/** Types a command, and waits until the shell asks for the next. */
async function type(command: string): Promise<void> {
  await inGuest(`tmux send-keys -l '${command}' && tmux send-keys Enter`);
  prompts += 1;
  await prompted();
}

async function prompted(): Promise<void> {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const screen = await inGuest('tmux capture-pane -p -S -');
    if (screen.match(/^root@guest:~#/gm)?.length === prompts) return;
    if (Date.now() > end) throw new Error(`nothing more was typed after:\n${screen}`);
    await setTimeout(200);
  }
}

/** Draws what is on the screen, without the prompt that waits, and empties the screen. */
async function draw(name: string, title: string): Promise<void> {
  const screen = (await inGuest('tmux capture-pane -p -e -J')).trimEnd();
  await writeFile(join(directory, `${name}.svg`), svgOf(screen.slice(0, screen.lastIndexOf('\n')), title));
  await inGuest('tmux send-keys -R C-l && tmux clear-history');
  prompts = 1;
  await prompted();
  process.stdout.write(`docs/pictures/${name}.svg\n`);
}
