import { execFileSync } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { debianKernel } from './kernel/debian-kernel.ts';
import { ROOT, read } from './pages.ts';
import { compileModule, PROC_VERSION } from './patches/build.ts';
import { makeSigner } from './patches/signer.ts';
import { temporaryDirectory } from './temporary.ts';

/** "Your own patch in five minutes", as README has it, but for the kernel, which is not this machine's. */
function recipe(): string {
  const [, block = ''] = /^```sh recipe\n(.*?)^```$/ms.exec(read('README.md')) ?? [];
  return (
    block
      .replace('checkout=$PWD', `checkout=${ROOT}`)
      .replace('/lib/modules/$(uname -r)/build', debianKernel().build)
      // From its source: the bundle may not be built.
      .replace('$checkout/bin/livepatch-publish.js', join(ROOT, 'test/publish/run.ts'))
  );
}

/** What stands in for the machine that is patched: notes what it is asked to do, and what it is given. */
const MACHINE = `
set -eu
sudo() { "$@"; }
canonical-livepatch() {
  echo "$*" >> ../asked
  case "$*" in *@stdin | *' -') cat > ../given ;; esac
}
`;

it('README leads from a C file to a patch file that is given to the machine', { timeout: 300_000 }, () => {
  const directory = temporaryDirectory();
  execFileSync('bash', ['-c', MACHINE + recipe()], { cwd: directory, stdio: 'pipe' });
  expect(readFileSync(join(directory, 'asked'), 'utf8').split('\n')).toEqual([
    'config signing-certs=@stdin',
    'apply --dry-run -',
    'apply -',
    'revert',
    '',
  ]);
  const [patch = ''] = readdirSync(join(directory, 'my-patch')).filter((name) => name.endsWith('.tar.gz'));
  expect(patch).toBe(`livepatch-${debianKernel().release}-1.1-amd64.tar.gz`);
  expect(readFileSync(join(directory, 'given'))).toEqual(readFileSync(join(directory, 'my-patch', patch)));
});

/** A directory with what the manual takes for granted: a module, a key, its certificate. */
async function workshop(): Promise<string> {
  const directory = temporaryDirectory();
  const kernel = debianKernel();
  const defines = { VERSION: '1' };
  const module = await compileModule({ source: PROC_VERSION, name: 'my_fix', kernel, defines });
  writeFileSync(join(directory, 'my_fix.ko'), module);
  const signer = await makeSigner(directory);
  copyFileSync(signer.keyFile, join(directory, 'key.pem'));
  for (const name of ['cert.pem', 'stolen.pem']) copyFileSync(signer.certFile, join(directory, name));
  return directory;
}

/** Runs the blocks of a page that are only about files, one after the other, as somebody would who reads it. */
async function follow(page: string, change: (block: string) => string): Promise<number> {
  const blocks = [...read(page).matchAll(/^```sh\n(.*?)^```$/gms)]
    .map(([, block = '']) => change(block.replaceAll(/\\\n\s*/g, ' ')))
    .filter((block) => block.split('\n').every((line) => /^(livepatch-publish|openssl|#|$)/.test(line)));
  const program = `livepatch-publish() { node ${join(ROOT, 'test/publish/run.ts')} "$@"; }`;
  const env = { ...process.env, PATH: `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}` };
  const cwd = await workshop();
  execFileSync('bash', ['-c', ['set -eu', program, ...blocks].join('\n')], {
    cwd,
    env,
    stdio: 'pipe',
  });
  return blocks.length;
}

it('docs/catalogues.md leads from patch files to a catalogue, and through its life', {
  timeout: 300_000,
}, async () => {
  const { release } = debianKernel();
  const pack = (version: string) =>
    `livepatch-publish pack my_fix.ko --version ${version} --key key.pem --certificate cert.pem\n`;
  const followed = await follow('docs/catalogues.md', (block) => {
    const ours = block
      .replaceAll('6.1.0-56-amd64', release)
      .replaceAll('PATCHFILE', `livepatch-${release}-1.2-amd64.tar.gz`);
    return ours.includes('publish init') ? pack('1.1') + pack('1.2') + ours : ours;
  });
  expect(followed).toBe(4);
});

it('docs/patch-file.md leads to a patch file, with a key at hand and with one elsewhere', {
  timeout: 300_000,
}, async () => {
  expect(await follow('docs/patch-file.md', (block) => block)).toBe(3);
});
