import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openPatch } from '../../src/patch/patch.ts';
import { parseCertificates } from '../../src/patch/trust.ts';
import { pack } from '../../src/publish/pack.ts';
import { readSigningKey } from '../../src/publish/signing-key.ts';
import { debianKernel } from '../kernel/debian-kernel.ts';
import { keptSigner } from '../patch/make/pki.ts';
import { pieces } from '../patch/make/tar.ts';
import { compileModule, PROC_VERSION } from '../patches/build.ts';
import { temporaryDirectory } from '../temporary.ts';

test('a module that kbuild made, in a file with dashes in its name, is packed and accepted', {
  timeout: 120_000,
}, async () => {
  const kernel = debianKernel();
  const module = await compileModule({
    source: PROC_VERSION,
    name: 'livepatch-proc-version',
    kernel,
    defines: { VERSION: '121' },
  });
  const signer = keptSigner({ subject: '/O=Test/CN=Publisher' });
  const anchors = parseCertificates(signer.der, 'cert.pem');
  const label = {
    version: '121.1',
    kernel: undefined,
    cumulative: true,
    releasedAt: '2026-01-01T00:00:00Z',
    fixes: [],
  };
  const key = readSigningKey(Buffer.from(signer.keyPem), undefined, anchors);
  const { archive, metadata } = await pack(module, label, key, false);

  const machine = { kernel: kernel.release, release: kernel.release, architecture: 'amd64' as const };
  const proven = await openPatch(pieces(archive), machine, { anchors, allowSha256: false });
  expect(metadata.module).toBe('livepatch_proc_version');
  expect(proven.buildId).toBe(buildIdNoteOf(module));
  expect(proven.metadata.vermagic.startsWith(`${kernel.release} SMP `)).toBe(true);
});

/** The section that the kernel shows, as binutils cuts it out. */
function buildIdNoteOf(module: Uint8Array): string | undefined {
  const directory = temporaryDirectory();
  const [file, section] = [join(directory, 'module.ko'), join(directory, 'note')];
  writeFileSync(file, module);
  const words = ['-O', 'binary', '--only-section=.note.gnu.build-id', file, section];
  execFileSync('objcopy', words, { stdio: 'pipe' });
  return readFileSync(section).toString('hex') || undefined;
}
