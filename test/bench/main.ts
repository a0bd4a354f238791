import { benchCatalogue } from './catalogue.ts';
import { benchFlat } from './flat.ts';
import { benchFleet } from './fleet.ts';
import { benchStartup } from './startup.ts';
import { benchVerify } from './verify.ts';

/** `npm run bench [-- NAME...]`: what is compared, by name. Each prints one table. */
const BENCHES: Record<string, () => string | Promise<string>> = {
  startup: benchStartup,
  flat: benchFlat,
  fleet: benchFleet,
  verify: benchVerify,
  catalogue: benchCatalogue,
};

const names = process.argv.slice(2);
for (const name of names.length > 0 ? names : Object.keys(BENCHES)) {
  const bench = BENCHES[name];
  if (bench === undefined) {
    process.stderr.write(`there is no bench ${name}, only: ${Object.keys(BENCHES).join(', ')}\n`);
    process.exitCode = 64;
  } else process.stdout.write(`## ${name}\n\n${await bench()}\n`);
}
