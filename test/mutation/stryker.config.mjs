import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * `npm run mutation`: changes what proves patches and what decides about them in thousands of small ways, and tells
 * which of them no test notices. Of one room alone: `npm run mutation -- --mutate 'src/policy/**'`.
 */
export default {
  testRunner: 'vitest',
  plugins: ['@stryker-mutator/vitest-runner'],
  vitest: { configFile: 'test/mutation/vitest.config.ts' },
  mutate: ['src/patch/*.ts', 'src/policy/**/*.ts'],
  coverageAnalysis: 'perTest',
  concurrency: 2,
  // A busy machine must not pass for a mutant that hangs.
  timeoutMS: 60_000,
  reporters: ['clear-text', 'progress-append-only'],
  clearTextReporter: { reportTests: false, logTests: false },
  // There is no such file: to rewrite tsconfig.json, Stryker 10 asks for a function that TypeScript 7 has not.
  tsconfigFile: 'none.json',
  tempDirName: join(tmpdir(), 'canonical-livepatch-mutation'),
};
