import { flush } from '@oclif/core/flush';
import { run } from '@oclif/core/run';
import manifest from '../package.json' with { type: 'json' };
import { EXIT_STATUS, LivepatchError, messageOf } from './errors.ts';

/**
 * Runs the command that argv names. Errors are two lines on stderr, what happened and what to do next, and an exit
 * status of errors.ts; never a stack trace.
 */
export async function main(argv: string[], root: string): Promise<void> {
  try {
    if (argv[0] === '--version') process.stdout.write(`canonical-livepatch version ${manifest.version}\n`);
    else await run(argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv, { root });
    await flush();
  } catch (error) {
    process.exitCode = report(error);
  }
}

function report(error: unknown): number {
  // oclif's way to say "this was all right, stop here", as help does.
  if (isOclif(error) && error.oclif.exit === 0) return 0;
  const failure = error instanceof LivepatchError ? error : undefined;
  const lines = [messageOf(error), failure?.hint].filter((line) => line !== undefined && line !== '');
  process.stderr.write(`${lines.join('\n')}\n`);
  if (failure !== undefined) return failure.exitStatus;
  return isOclif(error) ? EXIT_STATUS.usage : EXIT_STATUS.general;
}

function isOclif(error: unknown): error is { oclif: { exit?: number } } {
  return (
    error instanceof Error && 'oclif' in error && typeof error.oclif === 'object' && error.oclif !== null
  );
}
