import { linuxKernel } from '../../../src/kernel/kernel.ts';
import { CONTRACT, STACK_CONTRACT } from '../contract.ts';

/** Runs in the guest: argv holds a GivenStack as JSON; prints why each check failed, or null. */
const given = JSON.parse(process.argv[2] as string);
const results: Record<string, string | null> = {};
for (const [what, check] of Object.entries({ ...CONTRACT, ...STACK_CONTRACT })) {
  results[what] = await check(linuxKernel(), given).then(
    () => null,
    (error) => String(error),
  );
}
process.stdout.write(JSON.stringify(results));
