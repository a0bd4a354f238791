import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { LivepatchError, messageOf } from '../../src/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import type { Host } from '../../src/source/catalogue/host.ts';
import { httpHost } from '../../src/source/catalogue/http-host.ts';
import { storedPath } from '../../src/source/catalogue/layout.ts';
import { openTrusted, type TrustedCatalogue } from '../../src/source/catalogue/trusted-catalogue.ts';
import { NETWORK_DEPS } from '../../src/source/network-deps.ts';
import { transport } from '../../src/source/transport.ts';
import { catalogueMetadata } from '../../src/store/catalogue-metadata.ts';
import { writeAtomic } from '../../src/store/files.ts';

/**
 * The command line of the TUF conformance suite (https://github.com/theupdateframework/tuf-conformance, CLIENT-CLI.md)
 * on top of the shipped code. Exits with 0, or with 1 and the reason:
 *
 *     --metadata-dir D init ROOT_JSON
 *     --metadata-dir D --metadata-url U refresh
 *     --metadata-dir D --metadata-url U --target-name N… --target-base-url B --target-dir T download
 */
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    'metadata-dir': { type: 'string' },
    'metadata-url': { type: 'string' },
    'target-name': { type: 'string', multiple: true, default: [] },
    'target-base-url': { type: 'string' },
    'target-dir': { type: 'string' },
  },
});
const [command, root] = positionals;
const metadata = required('metadata-dir');

try {
  if (command === 'init' && root !== undefined) {
    mkdirSync(metadata, { recursive: true });
    copyFileSync(root, join(metadata, 'root.json'));
  } else if (command === 'refresh') {
    await refresh();
  } else if (command === 'download') {
    const catalogue = await refresh();
    for (const name of values['target-name']) await download(catalogue, name);
  } else {
    throw new Error('usage: init ROOT_JSON | refresh | download');
  }
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  if (error instanceof LivepatchError && error.cause !== undefined) {
    process.stderr.write(`  because: ${messageOf(error.cause)}\n`);
  }
  process.exitCode = 1;
}

function refresh(): Promise<TrustedCatalogue> {
  const { clockSkew } = LIMITS.network;
  return openTrusted({ store: catalogueMetadata(metadata), host: hostAt('metadata-url'), clockSkew });
}

/** A target that is there with the right hash is not fetched again. */
async function download(catalogue: TrustedCatalogue, name: string): Promise<void> {
  const target = await catalogue.target(name);
  if (target === undefined) throw new Error(`${name} is not in the catalogue`);
  const file = join(required('target-dir'), encodeURIComponent(name));
  const [algorithm, digest] = Object.entries(target.hashes)[0] ?? ['sha256', ''];
  if (isThere(file, algorithm, digest)) return;
  const stored = catalogue.prefixed ? storedPath(name, digest) : name;
  const path = stored.split('/').map(encodeURIComponent).join('/');
  const host = hostAt('target-base-url');
  const fetched = await host.get({ path, limit: target.length });
  if (fetched.found !== 'file') throw new Error(`${path} is missing`);
  const actual = createHash(algorithm).update(fetched.bytes).digest('hex');
  if (fetched.bytes.length !== target.length || actual !== digest) throw new Error(`${path} is another file`);
  mkdirSync(required('target-dir'), { recursive: true });
  writeAtomic(file, fetched.bytes);
}

function isThere(file: string, algorithm: string, digest: string): boolean {
  try {
    return createHash(algorithm).update(readFileSync(file)).digest('hex') === digest;
  } catch {
    return false;
  }
}

function hostAt(option: 'metadata-url' | 'target-base-url'): Host {
  const url = required(option);
  const config = {
    httpProxy: '',
    httpsProxy: '',
    noProxy: '',
    caCerts: '',
    dialTimeout: 5000,
  };
  const carrier = transport(config, 'conformance-client', NETWORK_DEPS);
  return httpHost(carrier, new URL(url.endsWith('/') ? url : `${url}/`), false);
}

function required(option: 'metadata-dir' | 'metadata-url' | 'target-base-url' | 'target-dir'): string {
  const value = values[option];
  if (value === undefined) throw new Error(`--${option} is missing`);
  return value;
}
