import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startSite } from './site.ts';
import { play, say } from './stage.ts';

/**
 * The main job, shown: a machine is registered with a server, its running kernel is patched, patched again, and given
 * back as it was. `npm start` runs this.
 */
say(
  'Setting up a Livepatch server with a PKI and a signing key of its own, and compiling two live patches ...',
);
const site = await startSite();
try {
  const patches = [await site.build('121.1'), await site.build('122.1')];
  const token = join(site.directory, 'token');
  await writeFile(token, site.database.addAuthToken(), { mode: 0o600 });
  await play(site.kernel, 'The server, the virtual machine and its state', async ({ prepare, show, vm }) => {
    await site.introduce(vm);
    await prepare(`cp /host${token} token`);
    await offer(0);
    await show('head -c 72 /proc/version');
    await show('canonical-livepatch enable - < token');
    await show('cat /proc/version');
    await show('canonical-livepatch status --format humane');
    await offer(1);
    await show('canonical-livepatch refresh');
    await show('cat /proc/version');
    await show("grep -o '^lkp_[^ ]*' /proc/modules");
    await show('canonical-livepatch disable --unpatch');
    await show('head -c 72 /proc/version');
  });

  async function offer(index: 0 | 1): Promise<void> {
    const patch = patches[index];
    if (patch === undefined) throw new Error('no such patch');
    say(`\nThe server now offers patch ${patch.metadata.version}.`);
    await site.offer(patch.metadata.version, patch.archive);
  }
} finally {
  await site.end();
}
