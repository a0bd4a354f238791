import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileModule, PROC_VERSION } from '../patches/build.ts';
import { debianKernel } from './debian-kernel.ts';
import { DEMO, play, say } from './stage.ts';

/**
 * A catalogue, shown: two modules are packed and published as static files, nginx serves them, and a machine takes one
 * patch, then the other, and gives up the one that is withdrawn. `npm run demo:catalogue` runs this. Publisher, web server and
 * machine are one guest here; between them is nothing but files and HTTP.
 */
const NGINX = `
user root;
pid ${DEMO}/nginx.pid;
error_log ${DEMO}/error.log;
events {}
http {
  log_format plain '$request $status $body_bytes_sent';
  access_log ${DEMO}/access.log plain;
  server {
    listen 127.0.0.1:8080;
    root ${DEMO}/catalogue;
  }
}
`;

say('Compiling two live patches ...');
const kernel = debianKernel();
const { architecture, release } = kernel;
const directory = await mkdtemp(join(tmpdir(), 'livepatch-demo-'));
try {
  for (const version of ['1', '2']) {
    const name = `fix_${version}`;
    const order = { source: PROC_VERSION, name, kernel, defines: { VERSION: version } };
    await writeFile(join(directory, `${name}.ko`), await compileModule(order));
  }
  await play(kernel, 'The catalogue, the virtual machine and its state', async ({ prepare, show }) => {
    await prepare(`cp /host${directory}/*.ko .; cat >nginx.conf <<'END'\n${NGINX}END\n`);

    say('\nThe publisher: a key that signs modules, a patch file, a catalogue.');
    await show(
      `openssl req -x509 -newkey rsa:4096 -sha512 -noenc -days 30 -subj '/O=Example/CN=Live patches' \\
  -addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature \\
  -keyout key.pem -out cert.pem 2>/dev/null`,
    );
    await show(
      'livepatch-publish pack fix_1.ko --version 1.1 --fix CVE-2026-0001 --key key.pem --certificate cert.pem',
    );
    await show('livepatch-publish init --catalogue catalogue --new-keys keys');
    await add('1.1');

    say('\nThe host: any web server.');
    await show('nginx -c $PWD/nginx.conf');

    say('\nThe machine: it pins the root and the certificate, and needs no token.');
    await show(
      'canonical-livepatch config remote-server=http://127.0.0.1:8080/ catalogue-root=@stdin < catalogue/metadata/1.root.json',
    );
    await show('canonical-livepatch config signing-certs=@stdin < cert.pem');
    await show('canonical-livepatch enable');
    await show('cat /proc/version');

    say('\nThe publisher has another patch.');
    await show(
      'livepatch-publish pack fix_2.ko --version 2.1 --fix CVE-2026-0002 --key key.pem --certificate cert.pem',
    );
    await add('2.1');
    await show('canonical-livepatch refresh');
    await show('cat /proc/version');
    await show('canonical-livepatch status --format humane');

    say('\nThe publisher withdraws it.');
    await show('livepatch-publish withdraw 2.1 --catalogue catalogue --keys keys');
    await show('canonical-livepatch config revert-withdrawn=true');
    await show('canonical-livepatch refresh');
    await show('cat /proc/version');

    say('\nAll that the web server was asked:');
    await show('cat access.log');

    function add(version: string): Promise<void> {
      const file = `livepatch-${release}-${version}-${architecture}.tar.gz`;
      return show(`livepatch-publish add ${file} --catalogue catalogue --keys keys --certificate cert.pem`);
    }
  });
} finally {
  await rm(directory, { recursive: true });
}
