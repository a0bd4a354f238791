import { append } from './cms.ts';
import { MODULE_NAME, type ModuleParts, makeModule, RELEASE } from './elf.ts';
import { opensslSign, type Signer } from './pki.ts';
import { targz } from './tar.ts';

/** A `metadata.json` that fits what `makeModule` makes. */
export const METADATA = {
  schema: 1,
  kernel: '6.8.0-1047.50-aws',
  architecture: 'amd64',
  version: '121.4',
  module: MODULE_NAME,
  file: `${MODULE_NAME}.ko`,
  releasedAt: '2026-11-01T12:00:00Z',
  fixes: [{ name: 'CVE-2026-0001', description: 'something', bug: '', patched: true }],
};

/** The machine that it is for. */
export const MACHINE = { kernel: METADATA.kernel, release: RELEASE, architecture: 'amd64' } as const;

/** A signed module, and a patch file around it. */
export function signedModule(signer: Signer, parts: ModuleParts = {}): Buffer {
  const content = makeModule(parts);
  return append(content, opensslSign(content, signer));
}

export function patchFile(module: Uint8Array, metadata: unknown = METADATA, file = METADATA.file): Buffer {
  return targz(
    { name: 'livepatch-6.8.0-1047.50-aws-121.4-amd64/', type: '5' },
    { name: 'livepatch-6.8.0-1047.50-aws-121.4-amd64/metadata.json', body: JSON.stringify(metadata) },
    { name: `livepatch-6.8.0-1047.50-aws-121.4-amd64/${file}`, body: module },
  );
}
