import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as v from 'valibot';
import {
  AdviceSchema,
  ArchitectureName,
  CveDataSchema,
  hex,
  KernelVersion,
  Version,
} from '../../src/schemas.ts';
import { addPatchFile } from './catalogue.ts';
import { openDatabase, TIERS } from './database.ts';
import { openPki } from './pki.ts';
import { startServer } from './server.ts';

const USAGE = `A reference Livepatch server.

  node test/server/main.ts --data DIR [--host 127.0.0.1] [--port 8443]    serve until interrupted
  node test/server/main.ts --data DIR token add [--tier stable] [--machines N]
  node test/server/main.ts --data DIR patch add FILE.tar.gz [--tier stable] [--phase PERCENT]
  node test/server/main.ts --data DIR patch withdraw VERSION
  node test/server/main.ts --data DIR key revoke SHA256      of its SubjectPublicKeyInfo in DER
  node test/server/main.ts --data DIR kernel add KERNEL ARCHITECTURE [--support supported] [--until DATE]
  node test/server/main.ts --data DIR cves set KERNEL ARCHITECTURE CVE...    what newer packages of it fix

DIR is made on first use, with a CA of its own. The commands work while the server runs.
Tiers: ${TIERS.join(', ')}; a machine sees the patches of the tier of its token and of those after it.
`;

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string' },
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '8443' },
    tier: { type: 'string', default: 'stable' },
    machines: { type: 'string' },
    phase: { type: 'string' },
    support: { type: 'string', default: 'supported' },
    until: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

const WholeNumber = v.pipe(v.string(), v.digits(), v.transform(Number));
const Per100 = v.pipe(WholeNumber, v.maxValue(100));

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function run(data: string): Promise<void> {
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const database = openDatabase(join(data, 'livepatch.sqlite'));
  const files = join(data, 'patches');
  const tier = v.parse(v.picklist(TIERS), flags.tier);
  const [noun = 'serve', verb, ...args] = positionals;

  switch ([noun, verb].join(' ').trim()) {
    case 'serve': {
      const pki = await openPki(data, { hosts: ['livepatch.test', 'localhost', '127.0.0.1', flags.host] });
      const server = await startServer({
        database,
        files,
        tls: pki,
        host: flags.host,
        port: v.parse(WholeNumber, flags.port),
      });
      print(`Livepatch server on ${server.url}`);
      print(`CA certificate: ${join(data, 'ca.pem')}`);
      for (const signal of ['SIGINT', 'SIGTERM']) {
        process.once(signal, () => void server.close().then(() => database.close()));
      }
      break;
    }
    case 'token add': {
      const machines = v.parse(v.optional(WholeNumber), flags.machines);
      print(database.addAuthToken({ tier, machines }));
      break;
    }
    case 'patch add': {
      const patch = await addPatchFile(database, files, v.parse(v.string(), args[0]), {
        tier,
        phase: v.parse(v.optional(Per100), flags.phase),
      });
      print(`${patch.file} ${patch.sha256}`);
      break;
    }
    case 'patch withdraw':
      print(`${database.withdraw(v.parse(Version, args[0]))} patches withdrawn`);
      break;
    case 'key revoke':
      database.revokeKey(v.parse(hex(64), args[0]));
      break;
    case 'kernel add':
      database.setKernel(v.parse(KernelVersion, args[0]), v.parse(ArchitectureName, args[1]), {
        support: v.parse(AdviceSchema.entries.support, flags.support),
        upgradeRequiredDate: v.parse(AdviceSchema.entries.upgradeRequiredDate, flags.until),
      });
      break;
    case 'cves set': {
      const [kernel, architecture, ...cves] = args;
      database.setKernelPackageFixes(
        v.parse(KernelVersion, kernel),
        v.parse(ArchitectureName, architecture),
        {
          timestamp: new Date().toISOString(),
          kernelPackageFixes: v.parse(CveDataSchema.entries.kernelPackageFixes, cves),
        },
      );
      break;
    }
    default:
      throw new Error(`no such command: ${positionals.join(' ')}`);
  }
}

if (flags.help || flags.data === undefined) {
  process.stdout.write(USAGE);
  process.exitCode = flags.help ? 0 : 2;
} else {
  try {
    await run(flags.data);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    process.exitCode = 1;
  }
}
