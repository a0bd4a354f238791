import { createHash } from 'node:crypto';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { ENVIRONMENT, NODE_OPTIONS } from './deterministic.ts';
import { quietServer } from './quiet-server.ts';

/** Makes V8's code cache of the bundle, by running what is to start quickly; see fill-code-cache.ts and bin/load.js. */
const COMMANDS = [
  // The second check-in hears that nothing is new, as most do.
  ['refresh'],
  ['refresh'],
  ['status'],
  ['status', '--format', 'humane'],
  ['status', '--format', 'json'],
  ['kernel-upgrade-required'],
  ['verify', '--keys', sample('signer.pem'), sample('module.ko')],
  ['help'],
];
const CACHES = join(import.meta.dirname, '../../dist/*.cache');

/** A live patch, made with test/patch/make, whose key was thrown away. */
function sample(name: string): string {
  return join(import.meta.dirname, 'sample', name);
}

/** Fills the cache anew. Returns the digest of all of it. */
async function fill(): Promise<string> {
  for (const file of globSync(CACHES)) rmSync(file);
  const server = await quietServer();
  const scratch = mkdtempSync(join(tmpdir(), 'livepatch-build-'));
  try {
    const [common, data] = [join(scratch, 'common'), join(scratch, 'data')];
    for (const directory of [common, data]) mkdirSync(directory);
    writeFileSync(join(common, 'machine-token'), `${'f'.repeat(32)}\n`);
    // Of lines and of a block, as most that are configured have it.
    const certificate = '-----BEGIN CERTIFICATE-----\n  -----END CERTIFICATE-----';
    const config = `remote-server: ${server.url}\nsigning-certs: |\n  ${certificate}\n`;
    writeFileSync(join(common, 'config'), config);
    // By its name it is our snap, and keeps to these; else it would work on the builder's own machine.
    const place = { LIVEPATCH_ROOT: scratch };
    const env = { ...ENVIRONMENT, ...place, PATH: process.env.PATH };
    const filler = join(import.meta.dirname, 'fill-code-cache.ts');
    const words = [...NODE_OPTIONS, filler, JSON.stringify(COMMANDS)];
    await execa(process.execPath, words, { env, extendEnv: false });
  } finally {
    server.close();
    rmSync(scratch, { recursive: true });
  }
  const hash = createHash('sha256');
  for (const file of globSync(CACHES).sort()) hash.update(readFileSync(file));
  return hash.digest('hex');
}

/**
 * On a busy machine, one byte of padding in ten million still has what was there before; never twice the same. It is made
 * until two agree. If they never do, the build is a good one all the same, only not the same bytes as another.
 */
const TRIES = 8;
const seen = new Set<string>();
for (let digest = await fill(); !seen.has(digest) && seen.size < TRIES; digest = await fill())
  seen.add(digest);
