import { createHash } from 'node:crypto';
import type { Metadata } from '../../../src/types.ts';
import { append } from './cms.ts';
import { MODULE_NAME, type ModuleParts, makeModule, RELEASE } from './elf.ts';
import { opensslSign, type Signer } from './pki.ts';
import { type Entry, targz } from './tar.ts';

/** The machine that the patches of the tests are for. */
export const MACHINE = {
  kernel: '6.8.0-1047.50-aws',
  release: RELEASE,
  architecture: 'amd64',
} as const;

/** A `metadata.json` that fits what `makeModule` makes of the same parts. */
export function metadataOf(parts: ModuleParts = {}, changes: Partial<Metadata> = {}): Metadata {
  const { name = MODULE_NAME, release = RELEASE } = parts;
  return {
    kernel: MACHINE.kernel,
    architecture: MACHINE.architecture,
    version: '121.4',
    module: name,
    digest: createHash('sha512').update(makeModule(parts)).digest('hex'),
    vermagic: `${release} SMP preempt mod_unload modversions `,
    cumulative: true,
    releasedAt: '2026-11-01T12:00:00Z',
    fixes: [{ name: 'CVE-2026-0001', description: 'something', bug: '', patched: true }],
    ...changes,
  };
}

/** That of `makeModule()`, as the document has it. */
export const METADATA = { schema: 2, ...metadataOf() };

/** A signed module. */
export function signedModule(signer: Signer, parts: ModuleParts = {}): Buffer {
  const content = makeModule(parts);
  return append(content, opensslSign(content, signer));
}

const DIRECTORY = 'livepatch-6.8.0-1047.50-aws-121.4-amd64';

/** A patch file of these files; of metadata that is not bytes its JSON. */
export function packFiles(
  module: Uint8Array,
  metadata: unknown,
  signature?: Uint8Array,
  file = `${MODULE_NAME}.ko`,
): Buffer {
  const entries: Entry[] = [
    { name: `${DIRECTORY}/`, type: '5' },
    { name: `${DIRECTORY}/metadata.json`, body: documentOf(metadata) },
    { name: `${DIRECTORY}/${file}`, body: module },
  ];
  if (signature !== undefined) {
    entries.splice(2, 0, { name: `${DIRECTORY}/metadata.json.p7s`, body: signature });
  }
  return targz(...entries);
}

/** A patch file whose metadata this signer has signed. */
export function patchFile(signer: Signer, module: Uint8Array, metadata: unknown = METADATA): Buffer {
  const document = documentOf(metadata);
  return packFiles(module, document, opensslSign(document, signer));
}

function documentOf(metadata: unknown): Buffer {
  return metadata instanceof Uint8Array ? Buffer.from(metadata) : Buffer.from(JSON.stringify(metadata));
}
