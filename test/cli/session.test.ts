import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { linuxKernel } from '../../src/kernel/kernel.ts';
import { openStore } from '../../src/store/store.ts';
import { type Flaw, OURS, patchFile } from '../operations/scene.ts';
import { makeSigner } from '../patch/make/pki.ts';
import { addPatchFile } from '../server/catalogue.ts';
import { MACHINE_ID, type Scene, startScene } from '../server/scene.ts';
import { temporaryDirectory } from '../temporary.ts';
import { COMMAND } from './machine.ts';
import { openTerminal } from './terminal.ts';

vi.setConfig({ testTimeout: 240_000 });

const golden = join(import.meta.dirname, 'golden/session.txt');
const { architecture, kernel } = linuxKernel().machine();

/**
 * The command looks at the real /sys and /proc, and here the kernel need not be one that can be live-patched. So the
 * terminal has a view of its own, of a healthy machine that can.
 */
const HEALTHY_MACHINE = `
  for directory in /sys/kernel /sys/module /sys/firmware /proc/sys/kernel; do
    mount -t tmpfs none $directory
  done
  mkdir /sys/kernel/livepatch /proc/sys/kernel/random
  echo 0 > /proc/sys/kernel/tainted
  echo 0 > /proc/sys/kernel/modules_disabled
  echo this-boot > /proc/sys/kernel/random/boot_id
  mount --bind "$SNAP/machine-id" /etc/machine-id
  # Programs are started from fixed places alone, so this one has to lie there.
  mount --bind "$SNAP/bin/insmod" "$(readlink -f /usr/sbin/insmod)"
  # No timer of the host's.
  [ ! -e /usr/bin/systemctl ] || mount --bind /usr/bin/false /usr/bin/systemctl`;

/** As the kernel shows a live patch that is in it. */
const INSMOD = `#!/bin/sh -eu
name=$(grep -ao 'name=lkp_[A-Za-z0-9_]*' "$1" | head -n 1 | cut -d = -f 2)
patch=/sys/kernel/livepatch/$name module=/sys/module/$name
mkdir $patch $module
echo 1 > $patch/enabled
echo 0 > $patch/transition
echo OEK > $module/taint
echo 0 > $module/refcnt
`;

/** What differs from one run, or one machine, to the next. */
const VARYING: [RegExp | string, string][] = [
  [kernel, '<kernel>'],
  [/(kernel series )\d+\.\d+/g, '$1<series>'],
  [/(127\.0\.0\.1:)\d+/g, '$1<port>'],
  [/(machine-token: )[0-9a-f]{4}/g, '$1<hex>'],
  [/\(\d+ bytes\)/g, '(<size> bytes)'],
  [/ \(\d+ s\)$/gm, ''],
  [/just now|\d+ seconds? ago/g, '<time ago>'],
  [/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>'],
  [/\d+ MiB/g, '<free> MiB'],
];

it.skipIf(!canMount())('a session in a terminal looks as in golden/session.txt', async () => {
  const server = await startScene();
  onTestFinished(() => server.end());
  server.database.setKernel(kernel, architecture, { support: 'supported' });
  const { env, snap } = install(server);
  const terminal = await openTerminal({ columns: 100, rows: 40, cwd: snap, env, prepare: HEALTHY_MACHINE });

  await publish(server, '121.1');
  await terminal.type('canonical-livepatch enable - < token');
  await terminal.type('canonical-livepatch status');
  await publish(server, '122.1', { signer: makeSigner() });
  await terminal.type('canonical-livepatch refresh');
  await terminal.type('canonical-livepatch status');
  await terminal.type('canonical-livepatch doctor');

  const screen = VARYING.reduce((text, [what, name]) => text.replaceAll(what, name), await terminal.screen());
  await expect(`${screen.trimEnd()}\n`).toMatchFileSnapshot(golden);
});

/** Root of a container need not be allowed to. */
function canMount(): boolean {
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/sys/kernel'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The built command in a directory of its own, set up for the server, with an insmod that plays the kernel. */
function install({ database, pki, server }: Scene): { env: Record<string, string>; snap: string } {
  const snap = temporaryDirectory();
  const directories = {
    LIVEPATCH_ROOT: snap,
    SNAP: snap,
    SNAP_COMMON: join(snap, 'common'),
    SNAP_DATA: join(snap, 'data'),
  };
  for (const name of ['common', 'bin']) mkdirSync(join(snap, name));
  const program = (name: string, content: string) =>
    writeFileSync(join(snap, 'bin', name), content, { mode: 0o755 });
  program('insmod', INSMOD);
  program('canonical-livepatch', `#!/bin/sh\nexec ${COMMAND.join(' ')} "$@"\n`);
  writeFileSync(join(snap, 'machine-id'), `${MACHINE_ID}\n`);
  writeFileSync(join(snap, 'token'), `${database.addAuthToken()}\n`);
  openStore(directories).config.update({
    'remote-server': server.url,
    'ca-certs': pki.caPem,
    'signing-certs': OURS.pem,
  });
  return { snap, env: { ...directories, PATH: `${join(snap, 'bin')}:/usr/sbin:/usr/bin:/sbin:/bin` } };
}

/** As the administrator of the server does it. */
async function publish(
  { database, directory, files }: Scene,
  version: string,
  flaw: Flaw = {},
): Promise<void> {
  const path = join(directory, version);
  // Without a build id, which the kernel that is played here does not show.
  writeFileSync(path, patchFile(version, { kernel, parts: { notes: 0 }, ...flaw }));
  await addPatchFile(database, files, path);
}
