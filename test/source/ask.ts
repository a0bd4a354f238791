import { readFileSync } from 'node:fs';
import { LivepatchError } from '../../src/errors.ts';
import { livepatchServer } from '../../src/source/server/client.ts';
import { MACHINE } from './machine.ts';

/** `node ask.ts URL CA-FILE`: asks a server, by an environment of our own, and prints the answer or the error's code. */
const [, , url = '', ca = ''] = process.argv;
const { registry } = livepatchServer(
  {
    remoteServer: new URL(url),
    tlsPatchDownload: false,
    caCerts: ca === '' ? '' : readFileSync(ca, 'utf8'),
    dialTimeout: 5000,
    httpProxy: '',
    httpsProxy: '',
    noProxy: '',
  },
  '0.1.0',
  { env: {}, uptime: () => 3_600_000, pause: async () => {} },
);
const answer = await registry.support(MACHINE).catch((error) => error);
process.stdout.write(answer instanceof LivepatchError ? answer.code : String(answer));
