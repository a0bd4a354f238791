import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startSite } from './site.ts';
import { bootVm } from './vm.ts';

/**
 * The main job, shown: a machine is registered with a server, its running kernel is patched, patched again, and given
 * back as it was. `npm start` runs this; every line under a `guest#` was printed by the guest.
 */
const began = performance.now();
const say = (line = '') => process.stdout.write(`${line}\n`);
const seconds = () => Math.round((performance.now() - began) / 1000);

say(
  'Setting up a Livepatch server with a PKI and a signing key of its own, and compiling two live patches ...',
);
const site = await startSite();
const patches = [await site.build('121.1'), await site.build('122.1')];
const tokenFile = join(site.directory, 'token');
await writeFile(tokenFile, site.database.addAuthToken(), { mode: 0o600 });

say(`Booting ${site.kernel.release} (${site.kernel.name}, ${site.kernel.architecture}) in QEMU ...`);
const vm = await bootVm({ kernel: site.kernel });
let failed = false;
try {
  await site.introduce(vm);
  await offer(0);
  await show('head -c 72 /proc/version');
  await show(
    'canonical-livepatch enable - < token',
    `bin/canonical-livepatch.js enable - < /host${tokenFile}`,
  );
  await show('cat /proc/version');
  await show('canonical-livepatch status --format humane');
  await offer(1);
  await show('canonical-livepatch refresh');
  await show('cat /proc/version');
  await show("grep -o '^lkp_[^ ]*' /proc/modules");
  await show('canonical-livepatch disable --unpatch');
  await show('head -c 72 /proc/version');
} finally {
  await vm.kill();
  await site.end();
}
say(
  `\n${failed ? 'FAILED' : 'Done'} after ${seconds()} s. The server, the virtual machine and its state are gone again.`,
);
process.exitCode = failed ? 1 : 0;

async function offer(index: 0 | 1): Promise<void> {
  const patch = patches[index];
  if (patch === undefined) throw new Error('no such patch');
  say(`\nThe server now offers patch ${patch.metadata.version}.`);
  await site.offer(patch.metadata.version, patch.archive);
}

/** Runs a command in the guest and shows it as a person would have typed it, with what it printed. */
async function show(
  typed: string,
  script = typed.replace('canonical-livepatch', 'bin/canonical-livepatch.js'),
) {
  say(`\nguest# ${typed}`);
  const { stdout, stderr, exitCode } = await vm.run(script);
  say(`${stderr}${stdout}`.trimEnd());
  if (exitCode !== 0) {
    say(`(exit status ${exitCode})`);
    failed = true;
  }
}
