import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import {
  type CheckInAnswer,
  ISSUED_AT_HEADER,
  SCHEMA,
  SERIAL_HEADER,
} from '../../src/source/server/messages.ts';

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

/** A live patch, made with test/patch/make, whose key was thrown away. */
function sample(name: string): string {
  return join(import.meta.dirname, 'sample', name);
}

/** A Livepatch server that has no patch for anybody. */
let serial = 0;
const server = createServer((_, response) => {
  serial += 1;
  const issuedAt = new Date().toISOString();
  const answer: CheckInAnswer = { schema: SCHEMA, serial, issuedAt, support: 'supported', tier: 'stable' };
  response.statusCode = serial === 1 ? 200 : 204;
  response.setHeader(SERIAL_HEADER, serial).setHeader(ISSUED_AT_HEADER, issuedAt);
  response.end(serial === 1 ? JSON.stringify(answer) : undefined);
}).listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const scratch = mkdtempSync(join(tmpdir(), 'livepatch-build-'));
try {
  const [common, data] = [join(scratch, 'common'), join(scratch, 'data')];
  for (const directory of [common, data]) mkdirSync(directory);
  writeFileSync(join(common, 'machine-token'), `${'0'.repeat(32)}\n`);
  // Of lines and of a block, as most that are configured have it.
  const certificate = '-----BEGIN CERTIFICATE-----\n  -----END CERTIFICATE-----';
  const config = `remote-server: http://127.0.0.1:${port}\nsigning-certs: |\n  ${certificate}\n`;
  writeFileSync(join(common, 'config'), config);
  const env = { PATH: process.env.PATH, SNAP: scratch, SNAP_COMMON: common, SNAP_DATA: data };
  const filler = join(import.meta.dirname, 'fill-code-cache.ts');
  await execa(process.execPath, [filler, JSON.stringify(COMMANDS)], { env, extendEnv: false });
} finally {
  server.close();
  rmSync(scratch, { recursive: true });
}
