import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { linuxKernel } from '../../src/kernel/kernel.ts';
import { Secret } from '../../src/secret.ts';
import { livepatchServer } from '../../src/source/server/client.ts';
import { openStore } from '../../src/store/store.ts';
import { makeSigner, type Signer } from '../patch/make/pki.ts';
import { openDatabase } from '../server/database.ts';
import { makePki } from '../server/pki.ts';
import { startServer } from '../server/server.ts';

export const execFileAsync = promisify(execFile);

const PROGRAM = join(import.meta.dirname, '../../bin/canonical-livepatch.js');

/** This machine with the command as built, enabled at a reference server over TLS on loopback. */
export interface BenchMachine {
  directory: string;
  signer: Signer;
  /** What every command is run with; it holds no NODE_EXTRA_CA_CERTS, which costs Node time of its own. */
  env: NodeJS.ProcessEnv;
  /** The words that run a command of ours, program first. */
  ours(...words: string[]): string[];
  end(): Promise<void>;
}

/** Needs root, and `npm run build`. The kernel is this machine's own; nothing is inserted, for nothing is offered. */
export async function enabledMachine(): Promise<BenchMachine> {
  const directory = mkdtempSync(join(tmpdir(), 'livepatch-bench-'));
  const [common, data] = [join(directory, 'common'), join(directory, 'data')];
  for (const path of [common, data]) mkdirSync(path);
  const database = openDatabase(join(directory, 'livepatch.sqlite'));
  const pki = await makePki(join(directory, 'pki'), { hosts: ['127.0.0.1'] });
  const server = await startServer({ database, files: join(directory, 'files'), tls: pki });
  const itself = linuxKernel().machine();
  database.setKernel(itself.kernel, itself.architecture, { support: 'supported' });
  const signer = makeSigner();

  const env = { PATH: process.env.PATH, LIVEPATCH_ROOT: directory };
  const store = openStore(env);
  store.config.update({
    'remote-server': server.url,
    'ca-certs': pki.caPem,
    'signing-certs': signer.pem,
  });
  // Not by `enable`, which wants a kernel that can be patched; what is measured does not.
  const client = livepatchServer(store.config.read(), '0.0.0');
  store.token.write(await client.registry.register(itself, new Secret(database.addAuthToken())));

  return {
    directory,
    signer,
    env,
    ours: (...words) => [process.execPath, PROGRAM, ...words],
    async end() {
      await server.close();
      database.close();
      rmSync(directory, { recursive: true });
    },
  };
}
