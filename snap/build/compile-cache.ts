import { once } from 'node:events';
import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

/**
 * Fills V8's compile cache of the bundle (bin/canonical-livepatch.js), so that an installed command finds all of it and
 * writes nothing. The cache holds those functions of a chunk that ran while it was filled: what is to start quickly is
 * run here.
 */
const root = join(import.meta.dirname, '../..');
const cache = join(root, 'dist/compile-cache');
const program = join(root, 'bin/canonical-livepatch.js');

/** A Livepatch server that answers, if only nonsense: enough of the way for `refresh`. */
const server = createServer((_, response) => response.end('{}')).listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const scratch = mkdtempSync(join(tmpdir(), 'livepatch-build-'));
try {
  const [common, data] = [join(scratch, 'common'), join(scratch, 'data')];
  for (const directory of [common, data]) mkdirSync(directory);
  const env = { PATH: process.env.PATH, SNAP: scratch, SNAP_COMMON: common, SNAP_DATA: data };
  const run = (...words: string[]) =>
    execa(process.execPath, [program, ...words], { env, extendEnv: false, reject: false });
  writeFileSync(join(common, 'machine-token'), `${'0'.repeat(32)}\n`);
  writeFileSync(join(common, 'config'), `remote-server: http://127.0.0.1:${port}\n`);
  for (const format of ['yaml', 'humane', 'json']) await run('status', '--format', format);
  await run('kernel-upgrade-required');
  await run('verify', program);
  await run('refresh');
  await run('help');
  // Every chunk that none of these has loaded: at least its top.
  const require = createRequire(program);
  const chunks = globSync(join(root, 'dist/*.cjs'));
  const load = `require('node:module').enableCompileCache(${JSON.stringify({ directory: cache, portable: true })});`;
  const each = chunks.map((chunk) => `require(${JSON.stringify(require.resolve(chunk))});`);
  await execa(process.execPath, ['--eval', load + each.join('')]);
} finally {
  server.close();
  rmSync(scratch, { recursive: true });
}
