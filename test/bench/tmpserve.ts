import { writeFileSync } from 'node:fs';
import { enabledMachine } from './machine.ts';
const m = await enabledMachine();
writeFileSync('/tmp/seven/env.sh', Object.entries(m.env).filter(([k]) => k !== 'PATH').map(([k, v]) => `export ${k}=${v}`).join('\n') + '\n');
setTimeout(() => m.end().then(() => process.exit()), 40 * 60 * 1000);
